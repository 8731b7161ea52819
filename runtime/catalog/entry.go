package catalog

import (
	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/limit"
	"github.com/segue-run/segue/proxy/route"
	"github.com/segue-run/segue/sdk/manifest"
)

// EntryOf is a module's route in the proxy's words, as its manifest asks for it.
func EntryOf(module string, r manifest.Route) route.Entry {
	every, burst := r.Limits.Rate.Pace(r.Limits.Burst)
	e := route.Entry{
		Module: module, Host: r.Host, Path: r.Path, Methods: r.Methods.List(), Strip: r.Strip, MaxBody: int64(r.MaxBody),
		Timeouts: proxy.Timeouts{Connect: r.Timeouts.Connect.Std(), Answer: r.Timeouts.Answer.Std(), Idle: r.Timeouts.Idle.Std(), Total: r.Timeouts.Total.Std()},
		Limits:   limit.Limits{Pace: limit.Pace{Every: every, Burst: burst}, Concurrent: r.Limits.Concurrent},
	}
	for name, value := range r.Headers.All() {
		if e.Headers == nil {
			e.Headers = map[string]string{}
		}
		if value == manifest.AnyValue {
			value = ""
		}
		e.Headers[name] = value
	}
	return e
}
