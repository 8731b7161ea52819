package config_test

import (
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/limit"
	"github.com/segue-run/segue/proxy/route"
	"github.com/segue-run/segue/runtime/config"
)

func TestARouteGetsWhatItAsksForUpToItsModulesCeilings(t *testing.T) {
	all := func(d time.Duration) proxy.Timeouts { return proxy.Timeouts{Connect: d, Answer: d, Idle: d, Total: d} }
	for name, tt := range map[string]struct{ asked, ceiling, want time.Duration }{
		"nothing of either":      {0, 0, 0},
		"less than it may":       {time.Second, time.Minute, time.Second},
		"more than it may":       {time.Hour, time.Minute, time.Minute},
		"nothing":                {0, time.Minute, time.Minute},
		"without a ceiling":      {time.Hour, 0, time.Hour},
		"a ceiling of no end":    {time.Hour, config.Unlimited, time.Hour},
		"nothing, without end":   {0, config.Unlimited, config.Unlimited},
		"without end":            {config.Unlimited, time.Minute, time.Minute},
		"without end of both":    {config.Unlimited, config.Unlimited, config.Unlimited},
		"without end or ceiling": {config.Unlimited, 0, config.Unlimited},
	} {
		c := config.Config{Modules: map[string]config.Module{"m": {Timeouts: all(tt.ceiling)}, "other": {Timeouts: all(time.Nanosecond)}}}
		if got := c.Terms(route.Entry{Module: "m", Timeouts: all(tt.asked)}).Timeouts; got != all(tt.want) {
			t.Errorf("%s: got %+v, want %s", name, got, tt.want)
		}
	}
}

func TestABodyIsHeldToTheModulesCeilingElseToThatOfAll(t *testing.T) {
	for _, tt := range []struct {
		asked    int64
		own, all uint64
		want     int64
	}{
		{0, 0, 0, 0}, {5, 0, 0, 5}, {5, 0, 3, 3}, {2, 0, 3, 2}, {0, 0, 3, 3}, {5, 4, 3, 4}, {0, 4, 3, 4}, {3, 4, 0, 3}, {0, 4, 0, 4},
	} {
		c := config.Config{Modules: map[string]config.Module{"m": {Limits: config.ModuleLimits{Body: tt.own}}}}
		c.Proxy.Limits.Body = tt.all
		if got := c.Terms(route.Entry{Module: "m", MaxBody: tt.asked}).MaxBody; got != tt.want {
			t.Errorf("%+v: got %d", tt, got)
		}
	}
}

func TestAModulesLimitsAreInTheProxysWords(t *testing.T) {
	c, err := load(t, "modules: {a: {limits: {rate: 60/m, burst: 5, concurrent: 7, per_client: 10/s}}, b: {limits: {rate: 100/s}}}\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]limit.Limits{
		"a": {Pace: limit.Pace{Every: time.Second, Burst: 5}, Concurrent: 7, PerClient: limit.Pace{Every: 100 * time.Millisecond, Burst: 10}},
		"b": {Pace: limit.Pace{Every: 10 * time.Millisecond, Burst: 100}},
		"c": {},
	} {
		if got := c.LimitsFor(name); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}
