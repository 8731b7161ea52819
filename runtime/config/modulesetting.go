package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// moduleSetting is one thing that can be set for one module, beside its rollouts, quotas
// and grants.
type moduleSetting struct {
	field string
	set   func(m *Module, values []string) error
}

func ofModule(field string, set func(m *Module, text string) error) moduleSetting {
	return moduleSetting{field, func(m *Module, values []string) error {
		text, err := single(values)
		if err != nil {
			return err
		}
		return set(m, text)
	}}
}

// moduleSettings are all of these.
var moduleSettings = []moduleSetting{
	ofModule("stop_grace", func(m *Module, text string) error { return setDuration(&m.StopGrace, text, time.Millisecond) }),
	ofModule("replicas", func(m *Module, text string) error { return setCount(&m.Replicas, text, 1, manifest.MaxReplicas) }),
	ofModule("limits.rate", func(m *Module, text string) error { return setRate(&m.Limits.Rate, text) }),
	ofModule("limits.burst", func(m *Module, text string) error { return setCount(&m.Limits.Burst, text, 1, mostRequests) }),
	ofModule("limits.concurrent", func(m *Module, text string) error { return setCount(&m.Limits.Concurrent, text, 1, mostRequests) }),
	ofModule("limits.per_client", func(m *Module, text string) error { return setRate(&m.Limits.PerClient, text) }),
	ofModule("limits.body", func(m *Module, text string) error { return setSize(&m.Limits.Body, text, 1, 1<<50) }),
	ofModule("timeouts.connect", func(m *Module, text string) error { return setDuration(&m.Timeouts.Connect, text, time.Millisecond) }),
	ofModule("timeouts.answer", func(m *Module, text string) error { return setTimeout(&m.Timeouts.Answer, text) }),
	ofModule("timeouts.idle", func(m *Module, text string) error { return setTimeout(&m.Timeouts.Idle, text) }),
	ofModule("timeouts.total", func(m *Module, text string) error { return setTimeout(&m.Timeouts.Total, text) }),
	ofModule("retry.enabled", func(m *Module, text string) error { return setSwitch(&m.Retry.Enabled, text) }),
	{"retry.routes", func(m *Module, values []string) error { return setMatches(&m.Retry.Routes, values) }},
	ofModule("retry.budget", func(m *Module, text string) error {
		budget, err := manifest.ParseWeight(text)
		if err == nil {
			m.Retry.Budget = &budget
		}
		return ofManifest(err)
	}),
	ofModule("queue.length", func(m *Module, text string) error { return setCount(&m.Queue.Length, text, 0, mostRequests) }),
	ofModule("queue.wait", func(m *Module, text string) error { return setDuration(&m.Queue.Wait, text, time.Millisecond) }),
	ofModule("ejection.enabled", func(m *Module, text string) error { return setSwitch(&m.Ejection.Enabled, text) }),
	ofModule("ejection.failures", func(m *Module, text string) error { return setCount(&m.Ejection.Failures, text, 1, 10_000) }),
	ofModule("ejection.above", func(m *Module, text string) error { return setShare(&m.Ejection.Above, text) }),
	ofModule("ejection.first", func(m *Module, text string) error { return setDuration(&m.Ejection.First, text, time.Millisecond) }),
	ofModule("ejection.most", func(m *Module, text string) error { return setDuration(&m.Ejection.Most, text, time.Millisecond) }),
	ofModule("ejection.most_out", func(m *Module, text string) error { return setShare(&m.Ejection.MostOut, text) }),
	ofModule("slow_start", func(m *Module, text string) error { return setTimeout(&m.SlowStart, text) }),
}

// mostRequests bounds what is counted in requests.
const mostRequests = 1_000_000

// moduleFields are what can be set for one module.
var moduleFields = slices.Concat(fieldsOf(moduleSettings), prefixed("rollout.", policy.Fields()),
	prefixed("quotas.", manifest.QuotaFields()), prefixed("grants.", manifest.PermissionKinds))

func fieldsOf(settings []moduleSetting) []string {
	fields := make([]string, len(settings))
	for i, s := range settings {
		fields[i] = s.field
	}
	return fields
}

func (m *Module) set(field string, values []string) error {
	if of, ok := strings.CutPrefix(field, "rollout."); ok {
		return policy.Set(&m.Rollout, of, values...)
	}
	if kind, ok := strings.CutPrefix(field, "grants."); ok {
		return setGrants(&m.Grants, kind, values)
	}
	if of, ok := strings.CutPrefix(field, "quotas."); ok {
		text, err := single(values)
		if err != nil {
			return err
		}
		return setQuota(&m.Quotas, of, text)
	}
	for _, s := range moduleSettings {
		if s.field == field {
			return s.set(m, values)
		}
	}
	return wrong("is no setting of a module", "there are "+strings.Join(moduleFields, ", "))
}

func setRate(to *manifest.Rate, text string) error {
	rate, err := manifest.ParseRate(text)
	if err != nil {
		return ofManifest(err)
	}
	*to = rate
	return nil
}

// setShare takes a share that is more than nothing.
func setShare(to *manifest.Weight, text string) error {
	share, err := manifest.ParseWeight(text)
	if err != nil {
		return ofManifest(err)
	}
	if share == 0 {
		return wrong("is nothing", "write a share such as 50%")
	}
	*to = share
	return nil
}

func setSwitch(to *policy.Switch, text string) error {
	switch text {
	case "on", "true":
		*to = policy.On
	case "off", "false":
		*to = policy.Off
	default:
		return wrong("is neither on nor off", "write on or off")
	}
	return nil
}

func setMatches(to *[]policy.Match, values []string) error {
	matches := make([]policy.Match, len(values))
	for i, text := range values {
		var err error
		if matches[i], err = policy.ParseMatch(text); err != nil {
			return err
		}
	}
	*to = matches
	return nil
}

// named is wrong about one value of a list.
func named(value, msg, hint string) error {
	return &module.Error{Kind: module.Invalid, Value: value, Msg: msg, Hint: hint}
}

// checkModules holds a module's settings against each other.
func (c *Config) checkModules(at places) error {
	for _, name := range slices.Sorted(maps.Keys(c.Modules)) {
		m, field := c.Modules[name], "modules."+name+"."
		if m.Limits.Burst > 0 && m.Limits.Rate == (manifest.Rate{}) {
			return located(wrong("is of no use without a rate", "write limits.rate as well, such as 100/s"), field+"limits.burst", fmt.Sprint(m.Limits.Burst), at(field+"limits.burst"))
		}
		if m.Queue.Wait > 0 && m.Queue.Length == 0 {
			return located(wrong("is of no use without a queue", "write queue.length as well, such as 100"), field+"queue.wait", m.Queue.Wait.String(), at(field+"queue.wait"))
		}
		if e := m.Ejection; e.Most > 0 && e.Most < e.First {
			return located(wrong("is less than the first time ("+e.First.String()+")", "write at least that"), field+"ejection.most", e.Most.String(), at(field+"ejection.most"))
		}
	}
	return nil
}
