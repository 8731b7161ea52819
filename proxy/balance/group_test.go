package balance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/route"
)

// newTarget is a release of one target.
func newTarget(version string) *balance.Release {
	return single(balance.ReleaseConfig{Labels: proxy.Labels{Module: "m", Version: version}}, balance.TargetConfig{})
}

// single is a release of one target, whose instance is named for its version.
func single(cfg balance.ReleaseConfig, only balance.TargetConfig) *balance.Release {
	r := balance.NewRelease(cfg)
	only.Instance = "i" + cfg.Labels.Version
	r.Add(only)
	return r
}

// only is the release's one target.
func only(r *balance.Release) *balance.Target { return r.Targets()[0] }

func request() *proxy.Request { return &proxy.Request{Cancel: func(error) {}} }

func newGroup(t testing.TB, shares ...balance.Share) *balance.Group {
	t.Helper()
	g := balance.NewGroup(balance.GroupConfig{Module: "m"})
	apply(t, g, shares...)
	return g
}

func apply(t testing.TB, g *balance.Group, shares ...balance.Share) {
	t.Helper()
	if err := g.Apply(balance.Split{Shares: shares}); err != nil {
		t.Fatal(err)
	}
}

// pick gives the version that a request goes to, and ends the request.
func pick(t testing.TB, g *balance.Group) string {
	t.Helper()
	l, err := g.Pick(t.Context(), request())
	if err != nil {
		t.Fatal(err)
	}
	l.Done(proxy.Outcome{Status: 200})
	return l.Target().Labels().Version
}

func all(target *balance.Release) balance.Share {
	return balance.Share{Release: target, Weight: balance.Full, Stable: true}
}

func TestSharesThatDoNotAddUpAreRefused(t *testing.T) {
	a, b := newTarget("1"), newTarget("2")
	foreign := balance.NewRelease(balance.ReleaseConfig{Labels: proxy.Labels{Module: "other"}})
	for want, shares := range map[string][]balance.Share{
		"weights sum to 10001":  {{Release: a, Weight: 9999, Stable: true}, {Release: b, Weight: 2}},
		"weight -1 is negative": {{Release: a, Weight: 10001, Stable: true}, {Release: b, Weight: -1}},
		"has a share already":   {{Release: a, Weight: 5000, Stable: true}, {Release: a, Weight: 5000}},
		"no release":            {{Weight: 10000}},
		"of module other":       {{Release: foreign, Weight: 10000}},
	} {
		g := newGroup(t, all(a))
		if err := g.Apply(balance.Split{Shares: shares}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if got := g.Shares(); len(got) != 1 || got[0] != all(a) {
			t.Errorf("a refused Apply left %v", got)
		}
	}
}

func TestTheSequenceGoesOnWhereTheWeightsStay(t *testing.T) {
	a, b := newTarget("1"), newTarget("2")
	shares := []balance.Share{{Release: a, Weight: 9900, Stable: true}, {Release: b, Weight: 100}}
	g := newGroup(t, shares...)
	var got int
	for range 100 { // one block, with an Apply before each request
		apply(t, g, shares...)
		if pick(t, g) == "2" {
			got++
		}
	}
	if got != 1 {
		t.Errorf("%d of 100 for the candidate", got)
	}
}

func TestTheShareOfACandidateThatIsGoneGoesToStable(t *testing.T) {
	a, b := newTarget("1"), newTarget("2")
	g := newGroup(t, balance.Share{Release: b, Weight: balance.Full}, balance.Share{Release: a, Stable: true})
	if got := pick(t, g); got != "2" {
		t.Fatalf("went to %s", got)
	}
	b.Down()
	for range 10 {
		if got := pick(t, g); got != "1" {
			t.Fatalf("went to %s", got)
		}
	}
}

func TestACandidateDoesNotInheritFromStable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newTarget("1"), newTarget("2")
		g := newGroup(t, balance.Share{Release: a, Weight: 9900, Stable: true}, balance.Share{Release: b, Weight: 100})
		a.Down()
		if s := g.Stats().State; s != balance.GroupRestarting {
			t.Errorf("the group is %s", s)
		}
		var mu sync.Mutex
		got := map[string]int{}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				version := pick(t, g)
				mu.Lock()
				got[version]++
				mu.Unlock()
			})
		}
		synctest.Wait()
		if n := g.Stats().Waiting; n != 99 {
			t.Errorf("%d wait", n)
		}
		c := newTarget("1b")
		apply(t, g, balance.Share{Release: c, Weight: 9900, Stable: true}, balance.Share{Release: b, Weight: 100})
		wg.Wait()
		if got["2"] != 1 || got["1b"] != 99 {
			t.Errorf("got %v", got)
		}
		if s := g.Stats(); s.Waiting != 0 || s.Waited != 99 || s.Refused != 0 || s.State != balance.GroupServing {
			t.Errorf("%+v", s)
		}
	})
}

func TestARequestWaitsTwoSecondsAndIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t)
		began := time.Now()
		_, err := g.Pick(t.Context(), request())
		none, ok := errors.AsType[*proxy.NoTargetError](err)
		if !ok || !errors.Is(err, proxy.ErrNoTarget) || none.Module != "m" || none.RetryAfter != time.Second || none.QueueFull {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(began); waited != 2*time.Second {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestTheWaitIsNotBegunAnewWhenSharesChangeInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t)
		began := time.Now()
		refused := make(chan error)
		go func() {
			_, err := g.Pick(t.Context(), request())
			refused <- err
		}()
		for range 19 {
			time.Sleep(100 * time.Millisecond)
			down := newTarget("1")
			down.Down()
			apply(t, g, all(down))
		}
		if err := <-refused; !errors.Is(err, proxy.ErrNoTarget) {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(began); waited != 2*time.Second {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestMoreThanTheQueueHoldsAreRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := balance.NewGroup(balance.GroupConfig{Module: "m", MaxQueue: 2})
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { pick(t, g) })
		}
		synctest.Wait()
		began := time.Now()
		_, err := g.Pick(t.Context(), request())
		if none, ok := errors.AsType[*proxy.NoTargetError](err); !ok || !none.QueueFull || time.Since(began) != 0 {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
		apply(t, g, all(newTarget("1")))
		wg.Wait()
	})
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(proxy.ErrDraining) })
		if _, err := g.Pick(ctx, request()); !errors.Is(err, proxy.ErrDraining) {
			t.Errorf("got %v", err)
		}
		if n := g.Stats().Waiting; n != 0 {
			t.Errorf("%d wait", n)
		}
	})
}

func TestAFailedRequestGoesElsewhereWithoutADraw(t *testing.T) {
	a, b := newTarget("1"), newTarget("2")
	g := balance.NewGroup(balance.GroupConfig{Module: "m", MaxWait: time.Millisecond})
	apply(t, g, balance.Share{Release: a, Weight: 5000, Stable: true}, balance.Share{Release: b, Weight: 5000})
	for range 10 {
		l, err := g.Pick(t.Context(), &proxy.Request{Cancel: func(error) {}, Failed: only(b)})
		if err != nil || l.Target() != proxy.Target(only(a)) {
			t.Fatalf("got %v, %v", l, err)
		}
		l.Done(proxy.Outcome{})
	}
	// Stable's own failure is not the candidate's to bear.
	if _, err := g.Pick(t.Context(), &proxy.Request{Cancel: func(error) {}, Failed: only(a)}); !errors.Is(err, proxy.ErrNoTarget) {
		t.Errorf("got %v", err)
	}
}

// Requests are picked while shares are swapped and the targets that fell out are
// drained: whatever the moment, a target that has drained gets no request after it.
func TestNoRequestIsInFlightOnATargetThatHasDrained(t *testing.T) {
	serving := newTarget("0")
	g := newGroup(t, all(serving))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var dead sync.Map
	var begun sync.WaitGroup
	begun.Add(4)
	for range 4 {
		wg.Go(func() {
			begun.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				l, err := g.Pick(t.Context(), request())
				if err != nil {
					t.Errorf("refused: %v", err)
					return
				}
				if _, drained := dead.Load(l.Target()); drained {
					t.Error("a request is in flight on a target that has drained")
				}
				l.Done(proxy.Outcome{Status: 200})
			}
		})
	}
	begun.Wait()
	picked := uint64(0)
	for i := range 500 {
		next := newTarget(fmt.Sprint(i + 1))
		apply(t, g, balance.Share{Release: serving, Weight: 5000, Stable: true}, balance.Share{Release: next, Weight: 5000})
		apply(t, g, all(next))
		if err := serving.Drain(t.Context(), balance.Patience{}); err != nil {
			t.Fatal(err)
		}
		dead.Store(proxy.Target(only(serving)), true)
		if s := serving.Stats(); s.InFlight != 0 || s.State != balance.TargetRetired {
			t.Fatalf("after the drain: %+v", s)
		}
		picked += serving.Stats().Requests
		serving = next
	}
	close(stop)
	wg.Wait()
	if waited := g.Stats().Waited; waited != 0 {
		t.Errorf("%d requests had to wait in a planned switch", waited)
	}
	if picked == 0 {
		t.Error("no request was picked")
	}
}

func TestThePoolLeadsToTheModuleOfTheAddress(t *testing.T) {
	groups := map[string]*balance.Group{}
	for _, name := range []string{"site", "api"} {
		groups[name] = balance.NewGroup(balance.GroupConfig{Module: name, MaxWait: time.Millisecond})
		target := single(balance.ReleaseConfig{Labels: proxy.Labels{Module: name, Version: "1"}}, balance.TargetConfig{})
		apply(t, groups[name], all(target))
	}
	table, err := route.Build([]route.Entry{{Path: "/", Module: "site"}, {Host: "h", Path: "/api", Module: "api"}})
	if err != nil {
		t.Fatal(err)
	}
	pool := new(balance.Pool)
	direct := func(host, path string) string {
		r := request()
		r.Host, r.Path = host, path
		exchange, err := pool.Direct(t.Context(), r)
		if err != nil {
			if exchange != nil {
				t.Error("an exchange beside an error")
			}
			return err.Error()
		}
		defer exchange.Done(proxy.Outcome{})
		return exchange.Target().Labels().Module
	}
	if got := direct("h", "/api"); got != "no route" {
		t.Errorf("an empty pool led to %q", got)
	}
	if err := pool.Set(table, groups["site"]); err == nil || !strings.Contains(err.Error(), "module api, which has no group") {
		t.Errorf("got %v", err)
	}
	if err := pool.Set(table, groups["site"], groups["api"], groups["api"]); err == nil {
		t.Error("two groups of one module were accepted")
	}
	if err := pool.Set(table, groups["site"], groups["api"]); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[[2]string]string{{"h", "/api/x"}: "api", {"", "/api"}: "site", {"h", "/"}: "site"} {
		if got := direct(address[0], address[1]); got != want {
			t.Errorf("%v leads to %q, not %q", address, got, want)
		}
	}
	if pool.Group("api") != groups["api"] || pool.Group("none") != nil ||
		!slices.Equal(pool.Groups(), []*balance.Group{groups["api"], groups["site"]}) {
		t.Errorf("groups are %v", pool.Groups())
	}
	apply(t, groups["api"])
	if got := direct("h", "/api"); got != "module api: no target" {
		t.Errorf("got %q", got)
	}
	if err := pool.Set(new(route.Table)); err != nil {
		t.Fatal(err)
	}
	if got := direct("h", "/api"); got != "no route" || pool.Unrouted() != 2 {
		t.Errorf("got %q, %d unrouted", got, pool.Unrouted())
	}
}

func BenchmarkPickAndDone(b *testing.B) {
	observed := single(balance.ReleaseConfig{Labels: proxy.Labels{Module: "m"}, Observe: func(balance.Observation) {}}, balance.TargetConfig{})
	g := newGroup(b, balance.Share{Release: observed, Weight: 9900, Stable: true}, balance.Share{Release: newTarget("2"), Weight: 100})
	r := request()
	outcome := proxy.Outcome{Status: 200, Duration: 1234 * time.Microsecond, BytesOut: 512}
	b.Run("one goroutine", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l, _ := g.Pick(context.Background(), r)
			l.Done(outcome)
		}
	})
	b.Run("all processors", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				l, _ := g.Pick(context.Background(), r)
				l.Done(outcome)
			}
		})
	})
}
