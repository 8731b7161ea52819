package balance_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// queued is a release of n targets with room for one request each, and a queue.
func queued(version string, n int, q balance.Queue) *balance.Release {
	return several(version, n, func(cfg *balance.ReleaseConfig, one *balance.TargetConfig) { cfg.Queue, one.Most = q, 1 })
}

// asked is a request that may have to wait.
type asked struct {
	lease *balance.Lease
	err   error
	after time.Duration
	done  bool
}

// ask asks in a goroutine, and comes back when the request waits or does not any more.
func ask(ctx context.Context, g *balance.Group, r *proxy.Request) *asked {
	a := new(asked)
	began := time.Now()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	go func() {
		a.lease, a.err = g.Pick(ctx, r)
		a.after, a.done = time.Since(began), true
	}()
	synctest.Wait()
	return a
}

func TestRequestsWaitForRoomOneBehindTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := queued("1", 2, balance.Queue{Length: 5})
		g := newGroup(t, all(r))
		held := []*balance.Lease{take(t, g, request()), take(t, g, request())}
		var waiting []*asked
		for range 5 {
			waiting = append(waiting, ask(t.Context(), g, request()))
		}
		if s := r.Stats(); s.Waiting != 5 || s.Waited != 5 || s.Refused != 0 {
			t.Errorf("%+v", s)
		}
		for i, a := range waiting {
			if a.done {
				t.Fatalf("request %d does not wait: %v", i, a.err)
			}
			held[0].Done(ok)
			synctest.Wait()
			if !a.done || a.err != nil || a.lease.Target() != held[0].Target() {
				t.Fatalf("request %d was not let in: %+v", i, a)
			}
			held = append(held[1:], a.lease)
		}
		for _, l := range held {
			l.Done(ok)
		}
		if s := r.Stats(); s.Requests != 7 || s.Waiting != 0 || s.InFlight != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestNobodyOvertakesThoseThatWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := queued("1", 1, balance.Queue{Length: 10})
		g := newGroup(t, all(r))
		held := take(t, g, request())
		first := ask(t.Context(), g, request())
		// One that comes at the very moment at which there is room again.
		var late *asked
		var wg sync.WaitGroup
		wg.Go(func() { held.Done(ok) })
		late = ask(t.Context(), g, request())
		wg.Wait()
		if !first.done || late.done {
			t.Error("the late one was let in before the first")
		}
		first.lease.Done(ok)
		synctest.Wait()
		late.lease.Done(ok)
	})
}

func TestTheQueueHasALengthAndATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refused atomic.Int64
		r := several("1", 1, func(cfg *balance.ReleaseConfig, one *balance.TargetConfig) {
			cfg.Queue = balance.Queue{Length: 2, Wait: 3 * time.Second}
			one.Most, one.Refuse = 1, func() { refused.Add(1) }
		})
		g := newGroup(t, all(r))
		held := take(t, g, request())
		ctx, cancel := context.WithCancelCause(t.Context())
		waits, leaves := ask(t.Context(), g, request()), ask(ctx, g, request())
		over := ask(t.Context(), g, request())
		none, is := errors.AsType[*proxy.NoTargetError](over.err)
		if !is || !none.OverQuota || !none.QueueFull || over.after != 0 {
			t.Errorf("got %v after %s", over.err, over.after)
		}
		cancel(proxy.ErrDraining)
		synctest.Wait()
		if !errors.Is(leaves.err, proxy.ErrDraining) || r.Stats().Waiting != 1 {
			t.Errorf("got %v", leaves.err)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		none, is = errors.AsType[*proxy.NoTargetError](waits.err)
		if !is || !none.OverQuota || none.QueueFull || waits.after != 3*time.Second {
			t.Errorf("got %v after %s", waits.err, waits.after)
		}
		if s := r.Stats(); refused.Load() != 2 || s.Refused != 2 || s.Waiting != 0 || g.Stats().Refused != 2 {
			t.Errorf("%d refusals were told, %+v", refused.Load(), s)
		}
		held.Done(ok)
	})
}

func TestThoseThatWaitForRoomFollowWhatIsStable(t *testing.T) {
	for name, change := range map[string]func(g *balance.Group, old, next *balance.Release) error{
		"another release becomes stable": func(g *balance.Group, _, next *balance.Release) error {
			return g.Apply(balance.Split{Shares: []balance.Share{all(next)}})
		},
		"it goes down": func(g *balance.Group, old, next *balance.Release) error {
			old.Down()
			return g.Apply(balance.Split{Shares: []balance.Share{all(next)}})
		},
		"another target joins": func(_ *balance.Group, old, _ *balance.Release) error {
			old.Add(balance.TargetConfig{Instance: "new"})
			return nil
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			old, next := queued("1", 1, balance.Queue{Length: 5}), newTarget("2")
			g := newGroup(t, all(old))
			held := take(t, g, request())
			var waiting []*asked
			for range 3 {
				waiting = append(waiting, ask(t.Context(), g, request()))
			}
			if err := change(g, old, next); err != nil {
				t.Fatal(err)
			}
			for i, a := range waiting {
				synctest.Wait()
				if !a.done || a.err != nil || a.after != 0 {
					t.Fatalf("%s: request %d got %v, done %t", name, i, a.err, a.done)
				}
				a.lease.Done(ok)
			}
			held.Done(ok)
		})
	}
}

func TestACandidateThatIsFullGivesToStableWhateverItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		candidate := queued("2", 1, balance.Queue{Length: 5})
		stable, seen := watched("1")
		g := newGroup(t)
		split(t, g, balance.Split{Rollout: "r", Shares: []balance.Share{{Release: candidate, Weight: balance.Full}, {Release: stable, Stable: true}}})
		held := take(t, g, request())
		spilled := take(t, g, request())
		spilled.Done(ok)
		if version(spilled) != "1" || len(*seen) != 1 || (*seen)[0].Dealt || candidate.Stats().Waited != 0 {
			t.Errorf("it went to %s: %+v", version(spilled), *seen)
		}
		held.Done(ok)
	})
}

func TestWhatHasWaitedForRoomIsNoEvidenceAndItsWaitTheHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []balance.Observation
		r := several("1", 1, func(cfg *balance.ReleaseConfig, one *balance.TargetConfig) {
			cfg.Queue.Length, one.Most = 5, 1
			cfg.Observe = func(o balance.Observation) { seen = append(seen, o) }
		})
		g := newGroup(t)
		split(t, g, balance.Split{Rollout: "r", Shares: []balance.Share{all(r)}})
		held := take(t, g, request())
		a := ask(t.Context(), g, request())
		time.Sleep(time.Second)
		if n := r.Overdue(-time.Hour); n != 0 {
			t.Errorf("%d that wait for room are overdue", n)
		}
		held.Done(ok)
		synctest.Wait()
		a.lease.Sent(time.Now())
		if n := r.Overdue(-time.Hour); n != 0 {
			t.Errorf("%d that have waited for room are overdue", n)
		}
		a.lease.Done(ok)
		if got := []bool{seen[0].Dealt, seen[1].Dealt}; !slices.Equal(got, []bool{true, false}) {
			t.Errorf("evidence: %v", got)
		}
	})
}

func TestAPreviewWaitsForRoomToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		candidate := queued("2", 1, balance.Queue{Length: 1})
		g := newGroup(t)
		split(t, g, balance.Split{Shares: []balance.Share{all(newTarget("1"))}, Preview: balance.Preview{Release: candidate, Host: "p.example"}})
		held := take(t, g, &proxy.Request{Host: "p.example"})
		first := ask(t.Context(), g, &proxy.Request{Host: "p.example"})
		held.Done(ok)
		synctest.Wait()
		if first.err != nil || version(first.lease) != "2" {
			t.Fatalf("got %v", first.err)
		}
		second := ask(t.Context(), g, &proxy.Request{Host: "p.example"})
		candidate.Down()
		synctest.Wait()
		if none, is := errors.AsType[*proxy.NoTargetError](second.err); !is || !none.Preview {
			t.Errorf("got %v", second.err)
		}
		first.lease.Done(ok)
	})
}

// Many ask at once of few places, some of them not for long: never are more in flight than
// may be, none is let in twice, and all who stay are served.
func TestNoPlaceIsGivenTwiceAndNoneIsForgotten(t *testing.T) {
	const most = 3
	r := several("1", 2, func(cfg *balance.ReleaseConfig, one *balance.TargetConfig) {
		cfg.Queue, one.Most = balance.Queue{Length: 1000, Wait: time.Minute}, most
	})
	g := newGroup(t, all(r))
	var flying sync.Map
	for _, target := range r.Targets() {
		flying.Store(proxy.Target(target), new(atomic.Int64))
	}
	var served, left atomic.Uint64
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			for n := range 300 {
				ctx, cancel := context.WithCancel(t.Context())
				if (n+i)%7 == 0 {
					go cancel()
				}
				l, err := g.Pick(ctx, request())
				cancel()
				if err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Errorf("refused: %v", err)
					}
					left.Add(1)
					continue
				}
				count, _ := flying.Load(l.Target())
				if n := count.(*atomic.Int64).Add(1); n > most {
					t.Errorf("%d in flight", n)
				}
				runtime.Gosched() // others come meanwhile
				count.(*atomic.Int64).Add(-1)
				l.Done(ok)
				served.Add(1)
			}
		})
	}
	wg.Wait()
	if s := r.Stats(); served.Load()+left.Load() != 40*300 || s.Requests != served.Load() || s.InFlight != 0 || s.Waiting != 0 || s.Waited == 0 {
		t.Errorf("%d served, %d left, %d waited, %d wait", served.Load(), left.Load(), s.Waited, s.Waiting)
	}
}

// There is room at the very moment at which one begins to wait for it: it is not forgotten.
func TestRoomThatIsMadeMeanwhileIsNotOverlooked(t *testing.T) {
	r := queued("1", 1, balance.Queue{Length: 1, Wait: 10 * time.Second})
	g := newGroup(t, all(r))
	for range 5000 {
		held := take(t, g, request())
		var wg sync.WaitGroup
		wg.Go(func() { held.Done(ok) })
		pick(t, g)
		wg.Wait()
	}
}

// Whoever asks at the very moment at which there is room does not get it while others wait.
func TestRoomIsForThoseThatWaitedFirst(t *testing.T) {
	const rounds = 3000
	r := queued("1", 1, balance.Queue{Length: rounds + 100, Wait: time.Minute})
	g := newGroup(t, all(r))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	current := take(t, g, request())
	in := make(chan *balance.Lease, 1)
	var wg sync.WaitGroup
	for i := range rounds { // one after the other
		wg.Go(func() {
			l, err := g.Pick(t.Context(), request())
			if err != nil {
				t.Error(err)
			}
			in <- l
		})
		for r.Stats().Waiting <= i {
			runtime.Gosched()
		}
	}
	var stop atomic.Bool
	var late sync.WaitGroup
	for range 8 { // they contend for the line, so that it takes a while until room is given
		late.Go(func() {
			for !stop.Load() {
				if l, err := g.Pick(gone, request()); err == nil {
					t.Error("one that came late was let in")
					l.Done(ok)
				}
			}
		})
	}
	for range rounds - 1 { // the last goes on waiting, so that nobody who is late may come in
		current.Done(ok)
		current = <-in
	}
	stop.Store(true)
	late.Wait()
	current.Done(ok)
	(<-in).Done(ok)
	wg.Wait()
}

// What is stable changes at the very moment between a request's finding the stable one full
// and its joining the queue there, which has been emptied by then.
func TestWhoComesTooLateToTheQueueOfAFormerStableGoesToTheNewOne(t *testing.T) {
	for name, length := range map[string]int{"with a queue": 5, "without one": 0} {
		synctest.Test(t, func(t *testing.T) {
			old, next := queued("1", 1, balance.Queue{Length: length, Wait: time.Minute}), newTarget("3")
			var g *balance.Group
			candidate := several("2", 1, func(_ *balance.ReleaseConfig, one *balance.TargetConfig) {
				one.Most, one.Refuse = 1, func() { split(t, g, balance.Split{Shares: []balance.Share{all(next)}}) }
			})
			g = newGroup(t, all(old))
			held := []*balance.Lease{take(t, g, request())}
			split(t, g, balance.Split{Shares: []balance.Share{{Release: candidate, Weight: balance.Full}, {Release: old, Stable: true}}})
			held = append(held, take(t, g, request()))
			late := ask(t.Context(), g, request()) // the candidate has no room, nor has stable
			if !late.done || late.err != nil || version(late.lease) != "3" {
				t.Fatalf("%s: got %v, done %t", name, late.err, late.done)
			}
			if s := old.Stats(); s.Refused != 0 || s.Waiting != 0 {
				t.Errorf("%s: %+v", name, s)
			}
			for _, l := range append(held, late.lease) {
				l.Done(ok)
			}
		})
	}
}
