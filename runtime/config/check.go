package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// checkRollouts holds what is set of rollouts against each other, as each module gets
// it; single values were checked when they were set.
func (c *Config) checkRollouts(at places) error {
	if e, ok := errors.AsType[*module.Error](c.Rollout.Validate()); ok {
		return located(e, "rollout."+e.Field, e.Value, at("rollout."+e.Field))
	}
	if e, ok := errors.AsType[*module.Error](c.Rollout.CheckLayer()); ok {
		return located(e, "rollout."+e.Field, e.Value, at("rollout."+e.Field))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Modules)) {
		if e, ok := errors.AsType[*module.Error](c.Modules[name].Rollout.CheckLayer()); ok {
			field := "modules." + name + ".rollout." + e.Field
			return located(e, field, e.Value, at(field))
		}
		e, ok := errors.AsType[*module.Error](c.operator(name).Validate())
		if !ok {
			continue
		}
		field := "modules." + name + ".rollout." + e.Field
		if at(field) == "" { // it stands for all modules, and what it is at odds with for this one
			field, e.Msg = "rollout."+e.Field, e.Msg+", of modules."+name
		}
		return located(e, field, e.Value, at(field))
	}
	return nil
}

// checkProxy holds what is set of traffic against each other, wherever it was set.
func (c *Config) checkProxy(at places) error {
	tls, acme := c.Proxy.TLS, c.Proxy.ACME
	problem := func(field, value, msg, hint string) error {
		return located(wrong(msg, hint), field, value, at(field))
	}
	switch {
	case tls.Listen != "" && len(tls.Certificates) == 0 && len(acme.Hosts) == 0:
		return problem("proxy.tls.listen", tls.Listen, "has no certificate", "name files in proxy.tls.certificates, or hosts in proxy.acme.hosts")
	case tls.Listen == "" && len(tls.Certificates) > 0:
		return problem(certificatesField+"[0].cert", tls.Certificates[0].Cert, "is of no use where nothing listens", "write proxy.tls.listen as well, such as 0.0.0.0:443")
	case tls.Listen == "" && len(acme.Hosts) > 0:
		return problem("proxy.acme.hosts", strings.Join(acme.Hosts, ","), "are of no use where nothing listens", "write proxy.tls.listen as well, such as 0.0.0.0:443")
	case tls.Listen == "" && tls.Redirect:
		return problem("proxy.tls.redirect", "true", "leads nowhere", "write proxy.tls.listen as well, such as 0.0.0.0:443")
	case c.Proxy.Limits.URL > c.Proxy.Limits.Head:
		return problem("proxy.limits.url", manifest.Size(c.Proxy.Limits.URL).String(), "is more than a whole head may have ("+manifest.Size(c.Proxy.Limits.Head).String()+")", "raise proxy.limits.head, or lower this")
	case c.Proxy.Limits.Connections > 0 && c.Proxy.Limits.PerAddress > c.Proxy.Limits.Connections:
		return problem("proxy.limits.per_address", fmt.Sprint(c.Proxy.Limits.PerAddress), fmt.Sprintf("is more than all together may have (%d)", c.Proxy.Limits.Connections), "raise proxy.limits.connections, or lower this")
	}
	return c.checkCertificates(at)
}

// checkDrain wants long answers to have as much time as others. Where only that of the
// others was set, they get it.
func (c *Config) checkDrain(at places) error {
	if c.DrainLong >= c.DrainTimeout {
		return nil
	}
	if c.DrainLong != Default().DrainLong {
		return located(wrong("is shorter than drain_timeout ("+c.DrainTimeout.String()+")", "write at least that"), "drain_long", c.DrainLong.String(), at("drain_long"))
	}
	c.DrainLong = c.DrainTimeout
	return nil
}
