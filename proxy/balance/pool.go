package balance

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/route"
)

// Pool is all modules with their routes. It is a proxy.Director. Its zero value
// routes nothing.
type Pool struct {
	current  atomic.Pointer[modules]
	unrouted atomic.Uint64
}

var (
	_ proxy.Director = (*Pool)(nil)
	_ proxy.Exchange = (*Lease)(nil)
	_ proxy.Target   = (*Target)(nil)
)

// modules is an immutable set of groups and the table that leads to them.
type modules struct {
	table  *route.Table
	groups map[string]*Group
}

// Set replaces the table and the groups in one step. It refuses two groups of one
// module, and a table that leads to a module without a group.
func (p *Pool) Set(table *route.Table, groups ...*Group) error {
	next := &modules{table: table, groups: make(map[string]*Group, len(groups))}
	for _, g := range groups {
		if next.groups[g.Module()] != nil {
			return fmt.Errorf("pool: module %s has two groups", g.Module())
		}
		next.groups[g.Module()] = g
	}
	for _, e := range table.Entries() {
		if next.groups[e.Module] == nil {
			return fmt.Errorf("pool: route %s%s leads to module %s, which has no group", e.Host, e.Path, e.Module)
		}
	}
	p.current.Store(next)
	return nil
}

// Direct finds the module of r by its address, and the target by the module's
// group.
func (p *Pool) Direct(ctx context.Context, r *proxy.Request) (proxy.Exchange, error) {
	now := p.current.Load()
	if now == nil {
		p.unrouted.Add(1)
		return nil, proxy.ErrNoRoute
	}
	module, ok := now.table.Match(r.Host, r.Path)
	if !ok {
		p.unrouted.Add(1)
		return nil, proxy.ErrNoRoute
	}
	r.Route = &proxy.Route{Module: module}
	l, err := now.groups[module].Pick(ctx, r)
	if err != nil {
		return nil, err
	}
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

// Unrouted counts the requests that no module serves.
func (p *Pool) Unrouted() uint64 { return p.unrouted.Load() }
