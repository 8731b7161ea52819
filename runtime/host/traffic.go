package host

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/sticky"
	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/runtime/telemetry"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

// slowMinimum is how many requests it takes before a quantile means anything.
const slowMinimum = 50

// traffic is the data plane as rollouts see it: it keeps the pool's groups and route
// table in step with what they decide.
type traffic struct {
	pool    *balance.Pool
	secret  *sticky.Secret
	log     *zap.Logger
	copying sync.WaitGroup     // mirrors that are being closed
	terms   config.Config      // what the operator sets for routes and releases
	emit    func(module.Event) // never blocks

	mu       sync.Mutex // held while the pool is changed
	modules  map[string]*routed
	releases map[*balance.Release]struct{}
	totals   map[[2]string]telemetry.TargetSample // of targets that are gone, by module and version
	gone     map[string]telemetry.GroupSample     // of modules that were taken out
	doors    map[string]module.Door               // that are closed, of modules in the routes or not
	listed   []listed                             // the routes that are served
}

// routed is a module that is in the routes.
type routed struct {
	group   *balance.Group
	routes  []manifest.Route
	rollout string // the one under way; empty for none
	token   string // asks for its preview; empty where there is nothing to see
	preview string // the host that leads to it as well; empty for none
	ring    *recorder
	mirror  *mirror
}

var _ rollout.Traffic = (*traffic)(nil)

func newTraffic(secret *sticky.Secret, log *zap.Logger) *traffic {
	return &traffic{pool: &balance.Pool{}, secret: secret, log: log.Named("traffic"), emit: func(module.Event) {}, modules: map[string]*routed{},
		releases: map[*balance.Release]struct{}{}, totals: map[[2]string]telemetry.TargetSample{}, gone: map[string]telemetry.GroupSample{}, doors: map[string]module.Door{}}
}

// target is a balance.Release of one instance, with what a rollout wants of it. A crew's
// processes are targets of the release as they come and go.
type target struct {
	*balance.Release
	traffic *traffic
}

func (t *traffic) Target(id string, rel module.Release, inst rollout.Instance, observe func(rollout.Observation)) rollout.Target {
	most := inst.Sandbox().Quotas.Requests
	full := module.Denial{By: module.ByQuota, What: "requests"}
	cfg := releaseTerms(t.terms.Module(rel.Module))
	cfg.Labels = proxy.Labels{Module: rel.Module, Version: rel.Version}
	cfg.Changed = func(c balance.Change) { t.changed(rel, c) }
	cfg.Observe = func(o balance.Observation) {
		gone := o.Class == proxy.ClassClientGone && o.Status == 0
		if o.Class.Attributable() || gone {
			observe(rollout.Observation{Failed: o.Class.Failed(), Wait: o.Wait, Took: o.Duration, Dealt: o.Dealt, Key: o.Key, Gone: gone})
		}
	}
	made := balance.NewRelease(cfg)
	admit := func(id string, inst rollout.Instance) seat {
		return place{made, made.Add(balance.TargetConfig{Instance: id, Dial: inst.Dial, Most: most, Refuse: func() { inst.Deny(full) }})}
	}
	if several, is := inst.(*crew); is {
		several.attend(admit)
	} else {
		admit(id, inst)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.releases[made] = struct{}{}
	return target{Release: made, traffic: t}
}

// place is where one process of a release gets requests.
type place struct {
	release *balance.Release
	target  *balance.Target
}

// Drain implements seat.
func (p place) Drain(ctx context.Context, plain, long time.Duration) error {
	p.Close()
	return p.target.Drain(ctx, balance.Patience{Plain: plain, Long: long})
}

// Close implements seat. What the target has in flight goes on.
func (p place) Close() { p.release.Remove(p.target) }

// Ejected implements seat.
func (p place) Ejected() *module.Ejection {
	stats := p.target.Stats()
	if stats.Until.IsZero() {
		return nil
	}
	return &module.Ejection{Reason: stats.Reason, Until: stats.Until.UTC()}
}

// Drain implements rollout.Target.
func (t target) Drain(ctx context.Context, plain, long time.Duration) error {
	return t.Release.Drain(ctx, balance.Patience{Plain: plain, Long: long})
}

// Usual is the 99th percentile of the target's own latency.
func (t target) Usual() time.Duration {
	latency := t.Latency()
	if latency.Count() < slowMinimum {
		return 0
	}
	return latency.Quantile(0.99)
}

// Mirrored is what a mirror has seen of the target.
func (t target) Mirrored() module.Comparison {
	t.traffic.mu.Lock()
	defer t.traffic.mu.Unlock()
	if m := t.traffic.modules[t.Labels().Module]; m != nil && m.mirror != nil && m.mirror.of == t.Release {
		return m.mirror.seen()
	}
	return module.Comparison{}
}

// Close takes the target out for good.
func (t target) Close() {
	t.Down()
	t.traffic.mu.Lock()
	defer t.traffic.mu.Unlock()
	t.traffic.retainLocked(t.Release)
	delete(t.traffic.releases, t.Release)
}

func (t *traffic) Split(name string, s rollout.Split) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.modules[name]
	now := &routed{routes: s.Routes}
	if old != nil {
		now.group, now.ring = old.group, old.ring
	} else {
		now.group = balance.NewGroup(balance.GroupConfig{Module: name})
		if door, closed := t.doors[name]; closed {
			t.hangLocked(now.group, door)
		}
	}
	split, err := t.splitOfLocked(name, s, now)
	if err != nil {
		return err
	}
	t.watchLocked(name, s, old, now)
	split.Tap = now.tap()
	t.modules[name] = now
	var next *built
	if old == nil || !slices.Equal(old.routes, now.routes) || old.preview != now.preview {
		next, err = t.buildLocked() // before Apply, after which nothing may be refused
	}
	if err == nil {
		err = now.group.Apply(split)
	}
	if err != nil {
		t.closeMirror(old, now)
		delete(t.modules, name)
		if old != nil {
			t.modules[name] = old
		}
		return err
	}
	t.closeMirror(now, old)
	if next == nil {
		return nil
	}
	return t.publishLocked(next)
}

// splitOfLocked is a rollout's split in the proxy's words.
func (t *traffic) splitOfLocked(name string, s rollout.Split, now *routed) (balance.Split, error) {
	split := balance.Split{Rollout: s.Rollout, Partial: s.Partial, Cap: s.Cap, Retry: retryOf(t.terms.Module(name).Retry), Shares: make([]balance.Share, 0, len(s.Shares))}
	for _, share := range s.Shares {
		own, ok := share.Target.(target)
		if !ok {
			return split, fmt.Errorf("split of %s: a target that is not ours", name)
		}
		split.Shares = append(split.Shares, balance.Share{Release: own.Release, Weight: int(share.Weight), Stable: share.Stable})
	}
	slices.SortFunc(split.Shares, func(a, b balance.Share) int { return cmp.Compare(b.Weight, a.Weight) })
	// Where there is nothing to see, whoever asks to see it must not take stable for it.
	now.preview = t.previewHostLocked(s)
	split.Preview.Host = now.preview
	if s.Rollout == "" {
		return split, nil
	}
	if header := s.Policy.Sticky.Header(); header != "" {
		split.Users = t.secret.ByHeader(header)
	} else if s.Policy.Sticky == policy.StickyCookie {
		split.Users = t.secret.ByCookie()
	}
	if s.Policy.Shield.Enabled != policy.Off {
		split.Shield = shieldOf(s.Policy.Shield)
	}
	if preview, ok := s.Preview.(target); ok {
		split.Preview.Release, split.Preview.Token = preview.Release, t.secret.Token(name, s.Rollout)
		now.rollout, now.token = s.Rollout, split.Preview.Token
	}
	return split, nil
}

// previewHostLocked is the policy's preview host, unless a route has that name: a policy
// may be older than the configuration by which routes are refused, and a preview must not
// take anybody's traffic.
func (t *traffic) previewHostLocked(s rollout.Split) string {
	host := s.Policy.PreviewHost
	taken := func(r manifest.Route) bool { return r.Host == host }
	if slices.ContainsFunc(s.Routes, taken) {
		return ""
	}
	for _, m := range t.modules {
		if slices.ContainsFunc(m.routes, taken) {
			return ""
		}
	}
	return host
}

// preview is how the candidate of a rollout is asked for; nil where there is nothing to
// see.
func (t *traffic) preview(name, rollout string) *module.Preview {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.modules[name]
	if m == nil || m.token == "" || m.rollout != rollout {
		return nil
	}
	return &module.Preview{Host: m.preview, Header: balance.PreviewHeader + ": " + m.token}
}

func shieldOf(s policy.Shield) *balance.Shield {
	shield := &balance.Shield{}
	if s.Budget != nil {
		shield.Budget = int(*s.Budget)
	}
	for _, m := range s.Routes {
		shield.Matches = append(shield.Matches, proxy.Match(m))
	}
	return shield
}

func (t *traffic) Remove(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	gone := t.modules[name]
	t.closeMirror(nil, gone)
	t.retainGroupLocked(name, gone)
	if gone != nil {
		gone.group.Close()
	}
	delete(t.modules, name)
	if next, err := t.buildLocked(); err == nil { // fewer routes never conflict
		_ = t.publishLocked(next)
	}
}
