package balance_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// several is a release of so many targets, named i0, i1 …
func several(version string, n int, change func(*balance.ReleaseConfig, *balance.TargetConfig)) *balance.Release {
	cfg, one := balance.ReleaseConfig{Labels: proxy.Labels{Module: "m", Version: version}}, balance.TargetConfig{}
	if change != nil {
		change(&cfg, &one)
	}
	r := balance.NewRelease(cfg)
	for i := range n {
		one.Instance = fmt.Sprint("i", i)
		r.Add(one)
	}
	return r
}

// instance is where an exchange is in flight.
func instance(x proxy.Exchange) string { return x.Target().Labels().Instance }

// instances counts where n requests in a row go, each of which ends before the next.
func instances(t testing.TB, g *balance.Group, n int) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range n {
		l := take(t, g, &proxy.Request{})
		got[instance(l)]++
		l.Done(ok)
	}
	return got
}

func TestEachTargetOfAReleaseHasItsTurn(t *testing.T) {
	for _, n := range []int{2, 3, 16} {
		got := instances(t, newGroup(t, all(several("1", n, nil))), 60*n)
		for i := range n {
			if got[fmt.Sprint("i", i)] != 60 {
				t.Errorf("of %d: %v", n, got)
			}
		}
	}
}

func TestTheTargetWithTheFewestRequestsGetsTheNext(t *testing.T) {
	r := several("1", 3, nil)
	g := newGroup(t, all(r))
	var held []*balance.Lease
	for range 30 {
		held = append(held, take(t, g, request()))
	}
	for _, target := range r.Stats().Targets {
		if target.InFlight != 10 {
			t.Fatalf("%s has %d in flight", target.Labels.Instance, target.InFlight)
		}
	}
	for _, l := range held {
		if instance(l) == "i1" {
			l.Done(ok)
		}
	}
	for range 10 {
		if l := take(t, g, request()); instance(l) != "i1" {
			t.Errorf("went to %s", instance(l))
		}
	}
}

func TestOfManyTargetsTheLoadIsEvenEnough(t *testing.T) {
	r := several("1", 50, func(_ *balance.ReleaseConfig, one *balance.TargetConfig) { one.Most = 40 })
	g := newGroup(t, all(r))
	var held []*balance.Lease
	for range 50 * 30 {
		held = append(held, take(t, g, request()))
	}
	for _, target := range r.Stats().Targets {
		if target.InFlight < 20 || target.InFlight > 40 {
			t.Errorf("%s has %d in flight, of 30 on average", target.Labels.Instance, target.InFlight)
		}
	}
	for range 50 * 10 { // until the last place of the last target is taken
		held = append(held, take(t, g, request()))
	}
	synctest.Test(t, func(t *testing.T) { wantFull(t, g, request()) })
	for _, l := range held {
		l.Done(ok)
	}
}

func TestARequestWaitsForNoTargetWhileAnotherOfItsReleaseIsUp(t *testing.T) {
	r := several("1", 3, nil)
	g := newGroup(t, all(r))
	targets := r.Targets()
	targets[0].Down()
	r.Remove(targets[1])
	if got := instances(t, g, 20); got["i2"] != 20 {
		t.Errorf("went to %v", got)
	}
	if s := g.Stats(); s.Waited != 0 || s.State != balance.GroupServing {
		t.Errorf("%+v", s)
	}
}

func TestWhatDidNotReachATargetGoesToItsSiblingAndThenToStable(t *testing.T) {
	var seen []balance.Observation
	candidate := several("2", 2, func(cfg *balance.ReleaseConfig, _ *balance.TargetConfig) {
		cfg.Observe = func(o balance.Observation) { seen = append(seen, o) }
	})
	g := balance.NewGroup(balance.GroupConfig{Module: "m"})
	split(t, g, balance.Split{Rollout: "r", Shares: []balance.Share{{Release: candidate, Weight: balance.Full}, {Release: newTarget("1"), Stable: true}}})
	for range 10 {
		first := take(t, g, request())
		first.Done(failed)
		again := take(t, g, &proxy.Request{Failed: first.Target()})
		if version(again) != "2" || instance(again) == instance(first) {
			t.Fatalf("%s failed, then %s of %s had it", instance(first), instance(again), version(again))
		}
		again.Done(ok)
	}
	if len(seen) != 20 || !seen[0].Dealt || seen[1].Dealt || candidate.Rescued() != 0 {
		t.Errorf("%d observed, %d rescued, %+v", len(seen), candidate.Rescued(), seen[:2])
	}
	left, gone := candidate.Targets()[0], candidate.Targets()[1]
	gone.Down()
	l := take(t, g, &proxy.Request{Failed: left})
	if version(l) != "1" {
		t.Errorf("went to %s", version(l))
	}
	l.Done(ok)
	if candidate.Rescued() != 1 || g.Stats().Spilled != 0 {
		t.Errorf("%d rescued, %d spilled", candidate.Rescued(), g.Stats().Spilled)
	}
}

func TestRequestsThatWaitAreLetInByATargetThatJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := several("1", 1, nil)
		g := newGroup(t, all(r))
		only(r).Down()
		if s := g.Stats().State; s != balance.GroupRestarting {
			t.Errorf("the group is %s", s)
		}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { pick(t, g) })
		}
		synctest.Wait()
		if n := g.Stats().Waiting; n != 10 {
			t.Errorf("%d wait", n)
		}
		r.Remove(only(r))
		began := time.Now()
		r.Add(balance.TargetConfig{Instance: "new"})
		wg.Wait()
		if !time.Now().Equal(began) || r.Stats().Requests != 10 || r.State() != balance.TargetReady {
			t.Errorf("%+v after %s", r.Stats(), time.Since(began))
		}
	})
}

func TestAReleaseThatIsDownTakesNoTargetUp(t *testing.T) {
	r := several("1", 2, nil)
	l := take(t, newGroup(t, all(r)), request())
	r.Down()
	if s := r.State(); s != balance.TargetDraining {
		t.Errorf("the release is %s", s)
	}
	if late := r.Add(balance.TargetConfig{}); late.State() != balance.TargetRetired || r.Up() {
		t.Errorf("a target that was added late is %s", late.State())
	}
	l.Done(ok)
	if s := r.State(); s != balance.TargetRetired {
		t.Errorf("the release is %s", s)
	}
}

func TestWhatARemovedTargetHasAnsweredStaysCounted(t *testing.T) {
	r := several("1", 2, nil)
	g := newGroup(t, all(r))
	held := take(t, g, request())
	held.Answered(proxy.Answer{Long: true})
	gone := held.Target().(*balance.Target)
	r.Remove(gone)
	r.Remove(gone)
	if s := r.Stats(); s.InFlight != 1 || s.Long != 1 || len(s.Targets) != 1 || gone.State() != balance.TargetDraining {
		t.Errorf("%+v", s)
	}
	held.Done(proxy.Outcome{Class: proxy.ClassOK, Status: 200, Wait: time.Second, BytesIn: 1, BytesOut: 2})
	take(t, g, request()).Done(failed)
	s, latency := r.Stats(), r.Latency()
	if s.Requests != 2 || s.Classes[proxy.ClassOK] != 1 || s.Failed() != 1 || s.InFlight != 0 || s.Long != 0 || s.BytesIn != 1 || s.BytesOut != 2 ||
		latency.Count() != 2 || s.Latency != latency || latency.Sum() != time.Second || gone.State() != balance.TargetRetired {
		t.Errorf("%+v", s)
	}
}

func TestAReleaseIsDialledWhereItIsUp(t *testing.T) {
	r := balance.NewRelease(balance.ReleaseConfig{Labels: proxy.Labels{Module: "m", Version: "1"}})
	if _, err := r.Dial(t.Context()); !errors.Is(err, proxy.ErrNoTarget) {
		t.Errorf("got %v", err)
	}
	dialled := map[int]int{}
	for i := range 3 {
		r.Add(balance.TargetConfig{Dial: func(context.Context) (net.Conn, error) { dialled[i]++; return nil, nil }})
	}
	r.Targets()[1].Down()
	for range 30 {
		if _, err := r.Dial(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if dialled[1] != 0 || dialled[0] < 5 || dialled[2] < 5 || dialled[0]+dialled[2] != 30 {
		t.Errorf("dialled %v", dialled)
	}
}

// Whatever becomes of the targets of a release, its share stays its own: over any window
// it gets what is due to it, give or take less than two.
func TestSharesAreExactWhileTargetsComeAndGo(t *testing.T) {
	for _, weight := range []int{1, 777, 2500, 5000, 9999} {
		candidate := several("2", 2, func(cfg *balance.ReleaseConfig, _ *balance.TargetConfig) { cfg.Ejection.Failures = 2 })
		stable := several("1", 2, nil)
		g := newGroup(t, balance.Share{Release: candidate, Weight: weight}, balance.Share{Release: stable, Weight: balance.Full - weight, Stable: true})
		d, least, most := 0, 0, 0
		for range 20_000 {
			l := take(t, g, &proxy.Request{})
			d -= weight
			if version(l) == "2" {
				d += balance.Full
			}
			least, most = min(least, d), max(most, d)
			l.Done([]proxy.Outcome{ok, failed}[rand.IntN(2)])
			r := []*balance.Release{candidate, stable}[rand.IntN(2)]
			switch targets := r.Targets(); {
			case rand.IntN(20) > 0:
			case len(targets) < 2 || rand.IntN(2) == 0 && len(targets) < 20:
				r.Add(balance.TargetConfig{})
			default:
				gone := targets[rand.IntN(len(targets))]
				gone.Down()
				r.Remove(gone)
			}
		}
		if stray := most - least; stray >= 2*balance.Full {
			t.Errorf("weight %d strays by %d/%d", weight, stray, balance.Full)
		}
		if s := g.Stats(); s.Spilled != 0 || s.Waited != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// Targets join and leave ten thousand times under load: no request is refused, waits or
// is lost, and none is in flight on a target after it has drained.
func TestNoRequestIsLostWhileTargetsComeAndGo(t *testing.T) {
	r := several("1", 3, nil)
	g := newGroup(t, all(r))
	var stop atomic.Bool
	var done atomic.Uint64
	var dead sync.Map
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			var held []*balance.Lease
			for n := 0; !stop.Load() || len(held) > 0; n++ {
				if !stop.Load() {
					l, err := g.Pick(t.Context(), request())
					if err != nil {
						t.Errorf("refused: %v", err)
						return
					}
					if _, drained := dead.Load(l.Target()); drained {
						t.Error("in flight on a target that has drained")
					}
					held = append(held, l)
				}
				if len(held) > n%5 || stop.Load() {
					held[0].Done(ok)
					held = held[1:]
					done.Add(1)
				}
			}
		})
	}
	var drains sync.WaitGroup
	for range 10_000 {
		if targets := r.Targets(); len(targets) < 2 || rand.IntN(2) == 0 && len(targets) < 24 {
			r.Add(balance.TargetConfig{})
		} else {
			gone := targets[rand.IntN(len(targets))]
			r.Remove(gone)
			drains.Go(func() {
				if err := gone.Drain(t.Context(), balance.Patience{}); err != nil {
					t.Error(err)
				}
				dead.Store(proxy.Target(gone), true)
			})
		}
	}
	stop.Store(true)
	wg.Wait()
	drains.Wait()
	if s := r.Stats(); s.Requests != done.Load() || s.InFlight != 0 || s.Requests == 0 {
		t.Errorf("%d of %d requests are counted, %d in flight", s.Requests, done.Load(), s.InFlight)
	}
	if s := g.Stats(); s.Waited != 0 || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAUserOfSeveralTargetsIsOverdueOnce(t *testing.T) {
	r := several("1", 2, nil)
	g := balance.NewGroup(balance.GroupConfig{Module: "m"})
	split(t, g, balance.Split{Rollout: "r", Users: secret(t).ByHeader("X-User"), Shares: []balance.Share{all(r)}})
	var held []*balance.Lease
	for i := range 6 {
		l := take(t, g, &proxy.Request{Header: http.Header{"X-User": {fmt.Sprint(i / 3)}}})
		l.Sent(time.Now())
		held = append(held, l)
	}
	if n := r.Overdue(-time.Hour); n != 2 || r.Stats().Targets[0].InFlight != 3 {
		t.Errorf("%d users wait: %+v", n, r.Stats().Targets[0])
	}
	for _, l := range held {
		l.Done(ok)
	}
}

func TestTheCapIsOfAllTargetsTogether(t *testing.T) {
	candidate := several("2", 4, nil)
	g := balance.NewGroup(balance.GroupConfig{Module: "m"})
	split(t, g, balance.Split{Rollout: "r", Cap: 6, Shares: []balance.Share{{Release: candidate, Weight: balance.Full}, {Release: newTarget("1"), Stable: true}}})
	var wg sync.WaitGroup
	var mu sync.Mutex
	var held []*balance.Lease
	for range 20 {
		wg.Go(func() {
			l := take(t, g, &proxy.Request{})
			mu.Lock()
			defer mu.Unlock()
			held = append(held, l)
		})
	}
	wg.Wait()
	if n := candidate.Stats().InFlight; n != 6 {
		t.Errorf("%d in flight", n)
	}
	for _, l := range held {
		l.Done(ok)
	}
	if l := take(t, g, &proxy.Request{}); version(l) != "2" {
		t.Error("the cap does not let go")
	}
}

func BenchmarkPickAndDoneOfSeveralTargets(b *testing.B) {
	for _, n := range []int{1, 2, 8, 16, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g := newGroup(b, all(several("1", n, nil)))
			r := request()
			b.ReportAllocs()
			for b.Loop() {
				l, _ := g.Pick(context.Background(), r)
				l.Done(ok)
			}
		})
	}
}
