package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// none is written for what is not there, or has no bound.
const none = "none"

var proxySettings = slices.Concat([]setting{
	scalar("proxy.tls.listen", "tls-listen", func(c *Config, text string) error {
		return setOr(&c.Proxy.TLS.Listen, text, "", setAddress)
	}),
	{certificatesField, "", func(c *Config, values []string) error { return setCertificates(&c.Proxy.TLS.Certificates, values) }},
	scalar("proxy.tls.redirect", "", func(c *Config, text string) error { return setBool(&c.Proxy.TLS.Redirect, text) }),
	{"proxy.acme.hosts", "", func(c *Config, values []string) error { return setHosts(&c.Proxy.ACME.Hosts, values) }},
	scalar("proxy.acme.email", "", func(c *Config, text string) error { return setOr(&c.Proxy.ACME.Email, text, "", setEmail) }),
	scalar("proxy.acme.directory", "", func(c *Config, text string) error { return setURL(&c.Proxy.ACME.Directory, text) }),
	scalar("proxy.acme.cache", "", func(c *Config, text string) error { return setOr(&c.Proxy.ACME.Cache, text, "", setDir) }),
	{"proxy.proxy_protocol.from", "", func(c *Config, values []string) error { return setNetworks(&c.Proxy.ProxyProtocol, values) }},
	{"proxy.trusted_proxies", "", func(c *Config, values []string) error { return setNetworks(&c.Proxy.TrustedProxies, values) }},
	scalar("proxy.limits.head", "", func(c *Config, text string) error { return setSize(&c.Proxy.Limits.Head, text, 1<<10, 16<<20) }),
	scalar("proxy.limits.headers", "", func(c *Config, text string) error { return setCount(&c.Proxy.Limits.Headers, text, 10, 10_000) }),
	scalar("proxy.limits.url", "", func(c *Config, text string) error { return setSize(&c.Proxy.Limits.URL, text, 1<<8, 16<<20) }),
	scalar("proxy.limits.body", "", func(c *Config, text string) error {
		return setOr(&c.Proxy.Limits.Body, text, 0, func(to *uint64, text string) error { return setSize(to, text, 1, 1<<50) })
	}),
	scalar("proxy.limits.connections", "", func(c *Config, text string) error { return setRoom(&c.Proxy.Limits.Connections, text) }),
	scalar("proxy.limits.per_address", "", func(c *Config, text string) error { return setRoom(&c.Proxy.Limits.PerAddress, text) }),
	scalar("proxy.timeouts.body_rate", "", func(c *Config, text string) error {
		return setOr(&c.Proxy.Timeouts.BodyRate, text, Unlimited, func(to *int64, text string) error {
			var rate uint64
			err := setSize(&rate, text, 1, 1<<30)
			*to = int64(rate)
			return err
		})
	}),
	scalar("proxy.access_log.path", "", func(c *Config, text string) error { return setOr(&c.Proxy.AccessLog.Path, text, "", setDir) }),
	scalar("proxy.access_log.sample", "", func(c *Config, text string) error {
		return setOr(&c.Proxy.AccessLog.Sample, text, Unlimited, func(to *int, text string) error { return setCount(to, text, 1, 1_000_000) })
	}),
	scalar("proxy.access_log.per_second", "", func(c *Config, text string) error {
		return setCount(&c.Proxy.AccessLog.PerSecond, text, 1, 1_000_000)
	}),
	scalar("proxy.access_log.slow", "", func(c *Config, text string) error { return setTimeout(&c.Proxy.AccessLog.Slow, text) }),
	scalar("proxy.access_log.query", "", func(c *Config, text string) error { return setBool(&c.Proxy.AccessLog.Query, text) }),
}, proxyTimeouts())

func proxyTimeouts() []setting {
	var all []setting
	for _, one := range []struct {
		field   string
		of      func(t *ProxyTimeouts) *time.Duration
		forever bool
	}{
		{"head", func(t *ProxyTimeouts) *time.Duration { return &t.Head }, false},
		{"idle", func(t *ProxyTimeouts) *time.Duration { return &t.Idle }, false},
		{"connect", func(t *ProxyTimeouts) *time.Duration { return &t.Connect }, false},
		{"answer", func(t *ProxyTimeouts) *time.Duration { return &t.Answer }, true},
		{"body_idle", func(t *ProxyTimeouts) *time.Duration { return &t.BodyIdle }, true},
		{"long_idle", func(t *ProxyTimeouts) *time.Duration { return &t.LongIdle }, true},
		{"total", func(t *ProxyTimeouts) *time.Duration { return &t.Total }, true},
		{"body_grace", func(t *ProxyTimeouts) *time.Duration { return &t.BodyGrace }, false},
	} {
		all = append(all, scalar("proxy.timeouts."+one.field, "", func(c *Config, text string) error {
			if one.forever {
				return setTimeout(one.of(&c.Proxy.Timeouts), text)
			}
			return setDuration(one.of(&c.Proxy.Timeouts), text, time.Millisecond)
		}))
	}
	return all
}

// setOr sets what "none" stands for, or what else is written. What it refuses it tells to
// write none instead, too.
func setOr[T any](to *T, text string, instead T, set func(*T, string) error) error {
	if text == none {
		*to = instead
		return nil
	}
	err := set(to, text)
	if e, ok := errors.AsType[*module.Error](err); ok && e.Hint != "" && !strings.HasSuffix(e.Hint, "or none") {
		e.Hint += ", or none"
	}
	return err
}

// setTimeout takes a duration, or "none" for ever.
func setTimeout(to *time.Duration, text string) error {
	return setOr(to, text, Unlimited, func(to *time.Duration, text string) error { return setDuration(to, text, time.Millisecond) })
}

func setSize(to *uint64, text string, least, most manifest.Size) error {
	size, err := manifest.ParseSize(text)
	if err != nil {
		return ofManifest(err)
	}
	if size < least || size > most {
		return wrong("is out of bounds", fmt.Sprintf("write %s to %s", least, most))
	}
	*to = uint64(size)
	return nil
}

// setRoom takes a number of connections, "auto" for as many as there is room for, or
// "none" for any number.
func setRoom(to *int, text string) error {
	switch text {
	case "auto":
		*to = 0
	case none:
		*to = Unlimited
	default:
		if _, err := strconv.Atoi(text); err != nil {
			return wrong("is no number of connections", "write a whole number, auto, or none for any number")
		}
		return setCount(to, text, 1, 1_000_000)
	}
	return nil
}

// setNetworks takes addresses and networks; those of IPv4 in one spelling.
func setNetworks(to *[]netip.Prefix, values []string) error {
	var networks []netip.Prefix
	for _, text := range values {
		prefix, err := netip.ParsePrefix(text)
		if addr, single := netip.ParseAddr(text); single == nil && addr.Zone() == "" {
			addr = addr.Unmap()
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || prefix.Addr().Is4In6() {
			return named(text, "is no address and no network", "write them such as 10.0.0.0/8, 192.0.2.1 or 2001:db8::/32")
		}
		if masked := prefix.Masked(); masked != prefix {
			return named(text, "has bits behind its length", "write "+masked.String())
		}
		if slices.Contains(networks, prefix) {
			return named(text, "stands there twice", "leave one of them out")
		}
		networks = append(networks, prefix)
	}
	*to = networks
	return nil
}

func setHosts(to *[]string, values []string) error {
	for i, host := range values {
		if err := manifest.CheckHost(host); err != nil || host == "" || isAddress(host) {
			return named(host, "is no host name", "write names such as www.example.com; a wildcard needs a certificate of its own, in proxy.tls.certificates")
		}
		if slices.Contains(values[:i], host) {
			return named(host, "stands there twice", "leave one of them out")
		}
	}
	*to = values
	if len(values) == 0 {
		*to = nil
	}
	return nil
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func setEmail(to *string, text string) error {
	user, host, ok := strings.Cut(text, "@")
	if !ok || user == "" || host == "" || strings.ContainsAny(text, " \t\r\n<>,") || strings.Contains(host, "@") {
		return wrong("is no address of e-mail", "write one such as ops@example.com, or none")
	}
	*to = text
	return nil
}

func setURL(to *string, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return wrong("is no https URL", "write the authority's directory, such as "+acmeDirectory)
	}
	*to = text
	return nil
}
