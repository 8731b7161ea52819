package config

import (
	"cmp"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/limit"
	"github.com/segue-run/segue/proxy/route"
)

// Terms are what a module's route, as its manifest asks for it, is held to: what it asks
// for, but no more than the ceilings of its module; and these where it asks for nothing.
func (c Config) Terms(e route.Entry) route.Entry {
	m := c.Module(e.Module)
	e.Timeouts = proxy.Timeouts{
		Connect: within(e.Timeouts.Connect, m.Timeouts.Connect), Answer: within(e.Timeouts.Answer, m.Timeouts.Answer),
		Idle: within(e.Timeouts.Idle, m.Timeouts.Idle), Total: within(e.Timeouts.Total, m.Timeouts.Total),
	}
	if ceiling := int64(cmp.Or(m.Limits.Body, c.Proxy.Limits.Body)); ceiling > 0 {
		e.MaxBody = min(cmp.Or(e.MaxBody, ceiling), ceiling)
	}
	return e
}

// within is what is asked for, and no more than the ceiling; 0 is nothing of either, and
// less is for ever.
func within(asked, ceiling time.Duration) time.Duration {
	if asked == 0 || ceiling > 0 && (asked < 0 || asked > ceiling) {
		return ceiling
	}
	return asked
}

// LimitsFor are the limits of all requests of the module of that name.
func (c Config) LimitsFor(name string) limit.Limits {
	l := c.Module(name).Limits
	limits := limit.Limits{Concurrent: l.Concurrent}
	limits.Pace.Every, limits.Pace.Burst = l.Rate.Pace(l.Burst)
	limits.PerClient.Every, limits.PerClient.Burst = l.PerClient.Pace(0)
	return limits
}
