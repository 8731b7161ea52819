package catalog

import (
	"cmp"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/limit"
	"github.com/segue-run/segue/proxy/route"
	"github.com/segue-run/segue/sdk/manifest"
)

// EntryOf is a module's route in the proxy's words, as its manifest asks for it.
func EntryOf(module string, r manifest.Route) route.Entry {
	e := route.Entry{
		Module: module, Host: r.Host, Path: r.Path, Methods: r.Methods.List(), Strip: r.Strip, MaxBody: int64(r.MaxBody),
		Timeouts: proxy.Timeouts{Connect: r.Timeouts.Connect.Std(), Answer: r.Timeouts.Answer.Std(), Idle: r.Timeouts.Idle.Std(), Total: r.Timeouts.Total.Std()},
		Limits:   limit.Limits{Pace: PaceOf(r.Limits.Rate, r.Limits.Burst), Concurrent: r.Limits.Concurrent},
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

// PaceOf is a rate with its burst: as many as the rate names where burst is 0.
func PaceOf(rate manifest.Rate, burst int) limit.Pace {
	return limit.Pace{Every: rate.Every(), Burst: cmp.Or(burst, rate.Requests)}
}
