package balance

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/limit"
	"github.com/segue-run/segue/proxy/route"
)

// Pool is all modules with their routes and their limits. It is a proxy.Director. Its zero
// value routes nothing.
type Pool struct {
	current  atomic.Pointer[modules]
	unrouted atomic.Uint64

	mu       sync.Mutex                // serialises Set
	counters map[string]*limitCounters // also of some modules that are gone
}

// mostCounters bounds the modules whose counters outlive them.
const mostCounters = 1000

var (
	_ proxy.Director = (*Pool)(nil)
	_ proxy.Exchange = (*Lease)(nil)
	_ proxy.Target   = (*Target)(nil)
)

// Module is a module in a pool.
type Module struct {
	Group *Group
	// Limits are those of all its requests; those of its routes are in the table.
	Limits limit.Limits
}

// modules is an immutable set of groups and the table that leads to them.
type modules struct {
	table  *route.Table
	groups map[string]*Group
	ways   map[*proxy.Route]*way
	gates  map[string]*gate // by module
}

// way is what a route leads through: its gates, nil for none, and its module's group.
type way struct {
	to            *proxy.Route
	route, module *gate
	group         *Group
	counters      *limitCounters
}

// Set replaces the table and the groups in one step, of modules without limits; see
// SetModules.
func (p *Pool) Set(table *route.Table, groups ...*Group) error {
	all := make([]Module, len(groups))
	for i, g := range groups {
		all[i].Group = g
	}
	return p.SetModules(table, all...)
}

// SetModules replaces the table and the modules in one step. It refuses two groups of one
// module, and a table that leads to a module without a group. What has come lately and
// what is under way counts on, for a module and for a route of the same name.
func (p *Pool) SetModules(table *route.Table, all ...Module) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.current.Load()
	if last == nil {
		last = &modules{table: new(route.Table)}
	}
	next := &modules{table: table, groups: make(map[string]*Group, len(all)), ways: map[*proxy.Route]*way{}, gates: map[string]*gate{}}
	for _, m := range all {
		name := m.Group.Module()
		if next.groups[name] != nil {
			return fmt.Errorf("pool: module %s has two groups", name)
		}
		next.groups[name], next.gates[name] = m.Group, newGate(m.Limits, last.gates[name])
	}
	before := last.gatesOfRoutes()
	for to, e := range table.All() {
		group := next.groups[to.Module]
		if group == nil {
			return fmt.Errorf("pool: route %s leads to module %s, which has no group", to.Pattern, to.Module)
		}
		next.ways[to] = &way{to: to, group: group, module: next.gates[to.Module], route: newGate(e.Limits, before[[2]string{to.Module, to.Pattern}])}
	}
	for to, w := range next.ways {
		w.counters = p.countersLocked(to.Module)
	}
	p.current.Store(next)
	for name := range last.groups {
		if next.groups[name] == nil && len(p.counters) > mostCounters {
			delete(p.counters, name)
		}
	}
	return nil
}

// gatesOfRoutes are those that there are, by module and pattern.
func (m *modules) gatesOfRoutes() map[[2]string]*gate {
	gates := map[[2]string]*gate{}
	for to, w := range m.ways {
		if w.route != nil {
			gates[[2]string{to.Module, to.Pattern}] = w.route
		}
	}
	return gates
}

func (p *Pool) countersLocked(module string) *limitCounters {
	if p.counters == nil {
		p.counters = map[string]*limitCounters{}
	}
	if p.counters[module] == nil {
		p.counters[module] = new(limitCounters)
	}
	return p.counters[module]
}

// Direct finds the route of r, holds r to the limits of its client, the route and the
// module (then the error is a *proxy.LimitError), and finds the target by the module's
// group.
func (p *Pool) Direct(ctx context.Context, r *proxy.Request) (proxy.Exchange, error) {
	now := p.current.Load()
	if now == nil {
		p.unrouted.Add(1)
		return nil, proxy.ErrNoRoute
	}
	if r.Route = now.table.Match(r); r.Route == nil {
		p.unrouted.Add(1)
		return nil, proxy.ErrNoRoute
	}
	w := now.ways[r.Route]
	in, err := w.enter(r)
	if err != nil {
		return nil, err
	}
	l, err := w.group.Pick(ctx, r)
	if err != nil {
		in.leave()
		return nil, err
	}
	l.entered = in
	return l, nil
}

// Group is the module's group, nil if it has none.
func (p *Pool) Group(module string) *Group {
	if now := p.current.Load(); now != nil {
		return now.groups[module]
	}
	return nil
}

// Groups are all groups, by module name.
func (p *Pool) Groups() []*Group {
	now := p.current.Load()
	if now == nil {
		return nil
	}
	return slices.SortedFunc(maps.Values(now.groups), func(a, b *Group) int {
		return cmp.Compare(a.Module(), b.Module())
	})
}

// Limited counts what limits have refused of the module's requests, also of one that is
// gone; where a thousand modules or more are known, those that go then are forgotten.
func (p *Pool) Limited(module string) LimitStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.counters[module]; c != nil {
		return c.snapshot()
	}
	return LimitStats{}
}

// Unrouted counts the requests that no module serves.
func (p *Pool) Unrouted() uint64 { return p.unrouted.Load() }
