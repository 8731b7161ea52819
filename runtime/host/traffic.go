package host

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/route"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/runtime/telemetry"
	"github.com/segue-run/segue/sdk/manifest"
)

const (
	slowMinimum = 50 // requests before a quantile means anything
)

// traffic is the data plane as rollouts see it: it keeps the pool's groups and route
// table in step with what they decide.
type traffic struct {
	pool *balance.Pool

	mu      sync.Mutex // held while the pool is changed
	modules map[string]*routed
	targets map[*balance.Target]struct{}
	totals  map[[2]string]telemetry.TargetSample // of targets that are gone, by module and version
}

// routed is a module that is in the routes.
type routed struct {
	group  *balance.Group
	routes []manifest.Route
}

var _ rollout.Traffic = (*traffic)(nil)

func newTraffic() *traffic {
	return &traffic{pool: &balance.Pool{}, modules: map[string]*routed{}, targets: map[*balance.Target]struct{}{}, totals: map[[2]string]telemetry.TargetSample{}}
}

// target is a balance.Target with what a rollout wants of it.
type target struct {
	*balance.Target
	traffic *traffic
}

func (t *traffic) Target(id string, rel module.Release, inst rollout.Instance, observe func(rollout.Observation)) rollout.Target {
	made := balance.NewTarget(balance.TargetConfig{
		Labels: proxy.Labels{Module: rel.Module, Version: rel.Version, Instance: id},
		Dial:   inst.Dial,
		Observe: func(o balance.Observation) {
			if o.Class.Attributable() {
				observe(rollout.Observation{Failed: o.Class.Failed(), Wait: o.Wait, Dealt: o.Dealt, Key: o.Key})
			}
		},
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.targets[made] = struct{}{}
	return target{Target: made, traffic: t}
}

// Usual is the 99th percentile of the target's own latency.
func (t target) Usual() time.Duration {
	stats := t.Stats()
	if stats.Latency.Count() < slowMinimum {
		return 0
	}
	return stats.Latency.Quantile(0.99)
}

func (t target) Overdue(time.Duration) int   { return 0 }
func (t target) Rescued() uint64             { return 0 }
func (t target) Mirrored() module.Comparison { return module.Comparison{} }

// Close takes the target out for good.
func (t target) Close() {
	t.Down()
	t.traffic.mu.Lock()
	defer t.traffic.mu.Unlock()
	t.traffic.retainLocked(t.Target)
	delete(t.traffic.targets, t.Target)
}

func (t *traffic) Split(name string, s rollout.Split) error {
	routes, shares := s.Routes, s.Shares
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]balance.Share, 0, len(shares))
	for _, s := range shares {
		own, ok := s.Target.(target)
		if !ok {
			return fmt.Errorf("split of %s: a target that is not ours", name)
		}
		all = append(all, balance.Share{Target: own.Target, Weight: int(s.Weight), Stable: s.Stable})
	}
	slices.SortFunc(all, func(a, b balance.Share) int { return cmp.Compare(b.Weight, a.Weight) })
	m := t.modules[name]
	if m != nil && slices.Equal(m.routes, routes) {
		return m.group.Apply(balance.Split{Shares: all})
	}
	if m == nil {
		m = &routed{group: balance.NewGroup(balance.GroupConfig{Module: name})}
	}
	if err := m.group.Apply(balance.Split{Shares: all}); err != nil {
		return err
	}
	before, known := t.modules[name]
	t.modules[name] = &routed{group: m.group, routes: routes}
	if err := t.publishLocked(); err != nil {
		delete(t.modules, name)
		if known {
			t.modules[name] = before
		}
		return err
	}
	return nil
}

func (t *traffic) Remove(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.modules, name)
	_ = t.publishLocked() // fewer routes never conflict
}

// publishLocked makes the modules' routes and groups what the pool serves.
func (t *traffic) publishLocked() error {
	var entries []route.Entry
	groups := make([]*balance.Group, 0, len(t.modules))
	for name, m := range t.modules {
		groups = append(groups, m.group)
		for _, r := range m.routes {
			entries = append(entries, route.Entry{Host: r.Host, Path: r.Path, Module: name})
		}
	}
	table, err := route.Build(entries)
	if err != nil {
		return fmt.Errorf("build the route table: %w", err)
	}
	return t.pool.Set(table, groups...)
}
