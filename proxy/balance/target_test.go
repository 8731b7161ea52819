package balance_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// lease picks from a group that has only this target.
func lease(t testing.TB, target *balance.Release, cancel context.CancelCauseFunc) *balance.Lease {
	t.Helper()
	l, err := newGroup(t, all(target)).Pick(t.Context(), &proxy.Request{Cancel: cancel})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestADrainWaitsForWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := newTarget("1")
		retired := 0
		only(target).OnRetire(func() { retired++ })
		a, b := lease(t, target, nil), lease(t, target, nil)
		drained := make(chan error, 1)
		go func() { drained <- target.Drain(t.Context(), balance.Patience{}) }()
		synctest.Wait()
		if s := target.State(); s != balance.TargetDraining {
			t.Errorf("the target is %s", s)
		}
		a.Done(proxy.Outcome{})
		a.Done(proxy.Outcome{}) // ignored
		synctest.Wait()
		if len(drained) != 0 || retired != 0 {
			t.Error("drained with a request in flight")
		}
		b.Done(proxy.Outcome{})
		if err := <-drained; err != nil {
			t.Error(err)
		}
		if s := target.Stats(); s.State != balance.TargetRetired || retired != 1 || s.Requests != 2 || s.InFlight != 0 {
			t.Errorf("%+v, retired %d times", s, retired)
		}
		only(target).OnRetire(func() { retired++ })
		if retired != 2 {
			t.Error("a retired target does not call at once")
		}
		if err := target.Drain(t.Context(), balance.Patience{}); err != nil {
			t.Errorf("a second drain: %v", err)
		}
	})
}

func TestADrainCancelsTheRestWithItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := newTarget("1")
		var mu sync.Mutex
		var causes []error
		var leases []*balance.Lease
		for range 3 {
			leases = append(leases, lease(t, target, func(cause error) {
				mu.Lock()
				defer mu.Unlock()
				causes = append(causes, cause)
				if len(causes) == 3 { // the engine ends them soon after
					time.AfterFunc(time.Millisecond, func() {
						for _, l := range leases {
							l.Done(proxy.Outcome{Class: proxy.ClassDrained})
						}
					})
				}
			}))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := target.Drain(ctx, balance.Patience{})
		if want := "drain m@1: 3 requests cut off: context deadline exceeded"; !errors.Is(err, context.DeadlineExceeded) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		for _, cause := range causes {
			if !errors.Is(cause, proxy.ErrDraining) {
				t.Errorf("the cause is %v", cause)
			}
		}
		if s := target.Stats(); len(causes) != 3 || s.State != balance.TargetRetired || s.Classes[proxy.ClassDrained] != 3 || s.Failed() != 0 {
			t.Errorf("%d cancelled, %+v", len(causes), s)
		}
	})
}

func TestARequestThatCannotBeCancelledDoesNotHoldUpTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := newTarget("1")
		stuck := make(chan struct{})
		defer close(stuck)
		lease(t, target, func(error) { <-stuck })
		cancelled := make(chan struct{})
		lease(t, target, func(error) { close(cancelled) })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		drained := make(chan error, 1)
		go func() { drained <- target.Drain(ctx, balance.Patience{}) }()
		synctest.Wait()
		select {
		case <-cancelled:
		default:
			t.Error("the other request goes on")
		}
		time.Sleep(time.Minute)
		if len(drained) != 1 {
			t.Error("the drain does not end")
		}
	})
}

func TestADrainDoesNotWaitForeverForAnEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := newTarget("1")
		lease(t, target, func(error) {})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		if err := target.Drain(ctx, balance.Patience{}); !errors.Is(err, context.Canceled) || time.Since(began) != 5*time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
	})
}

func TestATargetThatIsDownRetiresWithItsLastRequest(t *testing.T) {
	target := newTarget("1")
	l := lease(t, target, nil)
	target.Down()
	if s := target.State(); s != balance.TargetDraining {
		t.Errorf("the target is %s", s)
	}
	l.Done(proxy.Outcome{})
	if s := target.State(); s != balance.TargetRetired {
		t.Errorf("the target is %s", s)
	}
	idle := newTarget("2")
	idle.Down()
	if s := idle.State(); s != balance.TargetRetired {
		t.Errorf("the target is %s", s)
	}
}

func TestOutcomesAreCountedAndObservedBeforeTheyLeaveFlight(t *testing.T) {
	var target *balance.Release
	var observed []proxy.Outcome
	target = single(balance.ReleaseConfig{Labels: proxy.Labels{Module: "m"}, Observe: func(o balance.Observation) {
		if n := target.Stats().InFlight; n != 1 {
			t.Errorf("observed with %d in flight", n)
		}
		observed = append(observed, o.Outcome)
	}}, balance.TargetConfig{})
	outcomes := []proxy.Outcome{
		{Class: proxy.ClassOK, Status: 200, Wait: time.Millisecond, BytesIn: 1, BytesOut: 10},
		{Class: proxy.ClassClientError, Status: 404, Wait: time.Millisecond},
		{Class: proxy.ClassServerError, Status: 500, Wait: time.Second, BytesOut: 5},
		{Class: proxy.ClassTransport, Wait: time.Second},
		{Class: proxy.ClassTimeout, Wait: time.Minute},
		{Class: proxy.ClassClientGone, Wait: time.Hour},
		{Class: proxy.ClassDrained, Wait: time.Hour},
		{Class: proxy.ClassHost, Wait: time.Hour},
		{Class: proxy.ClassOK, Status: 101, Wait: time.Hour, BytesIn: 7},
		{},
		{Class: proxy.Classes + 1},
	}
	for _, o := range outcomes {
		lease(t, target, nil).Done(o)
	}
	s := target.Stats()
	if want := [proxy.Classes]uint64{2, 2, 1, 1, 1, 1, 1, 1, 1}; s.Classes != want || s.Requests != 11 || s.Failed() != 5 {
		t.Errorf("%+v", s)
	}
	if s.BytesIn != 8 || s.BytesOut != 15 || len(observed) != len(outcomes) {
		t.Errorf("%d in, %d out, %d observed", s.BytesIn, s.BytesOut, len(observed))
	}
	if s.Latency.Count() != 7 || s.Latency.Sum() != 62*time.Second+2*time.Millisecond {
		t.Errorf("latency of %d, together %s", s.Latency.Count(), s.Latency.Sum())
	}
}

func TestLatencyIsKnownWithinAQuarter(t *testing.T) {
	for _, d := range []time.Duration{0, time.Microsecond, 3 * time.Microsecond, 4 * time.Microsecond, 5 * time.Microsecond, 7999 * time.Nanosecond,
		99 * time.Microsecond, time.Millisecond, 17 * time.Millisecond, time.Second, time.Hour, 18 * time.Hour} {
		target := newTarget("1")
		lease(t, target, nil).Done(proxy.Outcome{Wait: d})
		h := target.Stats().Latency
		if q := h.Quantile(0.5); q <= d || q > d+d/4+time.Microsecond {
			t.Errorf("%s: the median is under %s", d, q)
		}
	}
	target := newTarget("1")
	for _, ms := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 1000} {
		lease(t, target, nil).Done(proxy.Outcome{Wait: time.Duration(ms) * time.Millisecond})
	}
	lease(t, target, nil).Done(proxy.Outcome{Wait: -time.Second})
	lease(t, target, nil).Done(proxy.Outcome{Wait: 1000 * time.Hour})
	h := target.Stats().Latency
	for d, want := range map[time.Duration]uint64{0: 0, time.Microsecond: 1, 1024 * time.Microsecond: 2, 4096 * time.Microsecond: 5,
		1 << 20 * time.Microsecond: 11, 10000 * time.Hour: 12} {
		if got := h.Below(d); got != want {
			t.Errorf("%d below %s, want %d", got, d, want)
		}
	}
	if empty := newTarget("2").Stats().Latency; empty.Quantile(0.99) != 0 {
		t.Error("a quantile of nothing")
	}
}

func TestRequestsThatEndWhileADrainCancelsAreSafe(t *testing.T) {
	for range 200 {
		target := newTarget("1")
		g := newGroup(t, all(target))
		var wg sync.WaitGroup
		for range 8 {
			l, err := g.Pick(t.Context(), &proxy.Request{Cancel: func(error) {}})
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() { l.Done(proxy.Outcome{}) })
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = target.Drain(ctx, balance.Patience{}) // an error or none, as the race went
		if s := target.State(); s != balance.TargetRetired {
			t.Fatalf("the target is %s", s)
		}
		wg.Wait()
	}
}
