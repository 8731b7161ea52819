package balance

import (
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/limit"
)

// LimitStats count the requests of a module that its limits, or those of its routes, have
// refused.
type LimitStats struct {
	Rate       uint64 // too many had come
	Concurrent uint64 // too many were under way
	Client     uint64 // too many had come from the client's address
}

// limitCounters are LimitStats in the making.
type limitCounters struct {
	rate, concurrent, client atomic.Uint64
}

func (c *limitCounters) snapshot() LimitStats {
	return LimitStats{Rate: c.rate.Load(), Concurrent: c.concurrent.Load(), Client: c.client.Load()}
}

// gate holds requests to limits.
type gate struct {
	limits     limit.Limits
	rate       *limit.Rate    // nil for none
	clients    *limit.Clients // nil for none
	concurrent *limit.Concurrency
}

// newGate goes on with what last has counted, as far as the limits are the same; last may
// be nil. Without limits there is no gate.
func newGate(limits limit.Limits, last *gate) *gate {
	if limits == (limit.Limits{}) {
		return nil
	}
	g := &gate{limits: limits, concurrent: new(limit.Concurrency)}
	if last != nil {
		g.concurrent = last.concurrent
	}
	if last != nil && last.limits.Pace == limits.Pace {
		g.rate = last.rate
	} else if limits.Pace.Every > 0 {
		g.rate = limit.NewRate(limits.Pace)
	}
	if last != nil && last.limits.PerClient == limits.PerClient {
		g.clients = last.clients
	} else if limits.PerClient.Every > 0 {
		g.clients = limit.NewClients(limits.PerClient, 0)
	}
	return g
}

// entered are what a request has entered, and leaves when it is done; nil for none.
type entered struct {
	route, module *limit.Concurrency
}

func (e entered) leave() {
	if e.route != nil {
		e.route.Leave()
	}
	if e.module != nil {
		e.module.Leave()
	}
}

// again is entered a second time, for a replay.
func (e entered) again() entered {
	if e.route != nil {
		e.route.Again()
	}
	if e.module != nil {
		e.module.Again()
	}
	return e
}

// busy is when to come again where too many requests are under way.
const busy = time.Second

// enter holds r to the limits of its client, its route and its module. What is refused
// takes nothing of any of them. A request that comes again since it reached nobody has
// been counted as one that comes, and is under way no more.
func (w *way) enter(r *proxy.Request) (entered, error) {
	in, refused := w.occupy()
	if refused == nil && r.Failed == nil {
		if refused = w.pay(r); refused != nil {
			in.leave()
		}
	}
	if refused == nil {
		return in, nil
	}
	refused.Module = r.Route.Module
	switch {
	case refused.Client:
		w.counters.client.Add(1)
	case refused.Concurrent:
		w.counters.concurrent.Add(1)
	default:
		w.counters.rate.Add(1)
	}
	return entered{}, refused
}

// occupy counts a request among those that are under way.
func (w *way) occupy() (in entered, refused *proxy.LimitError) {
	if g := w.route; g != nil && g.limits.Concurrent > 0 {
		if !g.concurrent.Enter(g.limits.Concurrent) {
			return in, &proxy.LimitError{Route: w.to.Pattern, Concurrent: true, RetryAfter: busy}
		}
		in.route = g.concurrent
	}
	if g := w.module; g != nil && g.limits.Concurrent > 0 {
		if !g.concurrent.Enter(g.limits.Concurrent) {
			in.leave()
			return entered{}, &proxy.LimitError{Concurrent: true, RetryAfter: busy}
		}
		in.module = g.concurrent
	}
	return in, nil
}

// pay counts a request among those that come. The client's own limit is the first: whoever
// sends too many does not use up what others have.
func (w *way) pay(r *proxy.Request) *proxy.LimitError {
	var clients *limit.Clients
	var rates [2]*limit.Rate
	if w.module != nil {
		clients, rates[1] = w.module.clients, w.module.rate
	}
	if w.route != nil {
		rates[0] = w.route.rate
	}
	if clients == nil && rates[0] == nil && rates[1] == nil {
		return nil
	}
	now := time.Now()
	if clients != nil {
		if wait := clients.Take(r.Client, now); wait > 0 {
			return &proxy.LimitError{Client: true, RetryAfter: wait}
		}
	}
	for i, rate := range rates {
		if rate == nil {
			continue
		}
		wait := rate.Take(now)
		if wait == 0 {
			continue
		}
		if clients != nil {
			clients.Return(r.Client)
		}
		if i == 0 {
			return &proxy.LimitError{Route: w.to.Pattern, RetryAfter: wait}
		}
		if rates[0] != nil {
			rates[0].Return()
		}
		return &proxy.LimitError{RetryAfter: wait}
	}
	return nil
}
