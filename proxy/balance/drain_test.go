package balance_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// flight is a request in flight, and when, from the drain's beginning, it was told what.
type flight struct {
	*balance.Lease
	mu    sync.Mutex
	began time.Time
	away  []time.Duration
	cut   []time.Duration
	ends  bool // when it is asked to go away
}

// fly puts a request in flight that ends when it is cancelled.
func fly(t *testing.T, g *balance.Group, long bool) *flight {
	t.Helper()
	f := &flight{began: time.Now()}
	var err error
	f.Lease, err = g.Pick(t.Context(), &proxy.Request{
		Cancel: func(cause error) {
			if !errors.Is(cause, proxy.ErrDraining) {
				t.Errorf("cancelled for %v", cause)
			}
			f.mu.Lock()
			f.cut = append(f.cut, time.Since(f.began))
			f.mu.Unlock()
			f.Done(proxy.Outcome{Class: proxy.ClassDrained})
		},
		GoAway: func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.away = append(f.away, time.Since(f.began))
			if f.ends {
				go f.Done(ok)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if long {
		f.Answered(proxy.Answer{Status: 200, Long: true})
	}
	return f
}

func TestPlainAndLongRequestsHaveLimitsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := several("1", 2, nil)
		g := newGroup(t, all(r))
		var plain, long []*flight
		for i := range 10 {
			plain, long = append(plain, fly(t, g, false)), append(long, fly(t, g, true))
			long[i].ends = i%2 == 0
		}
		finishes := fly(t, g, false)
		time.AfterFunc(5*time.Second, func() { finishes.Done(ok) })
		if s := r.Stats(); s.Long != 10 || s.InFlight != 21 {
			t.Errorf("%+v", s)
		}
		err := r.Drain(t.Context(), balance.Patience{Plain: 10 * time.Second, Long: time.Minute})
		if err == nil || err.Error() != "drain m@1: 15 requests cut off: context deadline exceeded" {
			t.Errorf("got %v", err)
		}
		for i, f := range plain {
			if len(f.cut) != 1 || f.cut[0] != 10*time.Second || len(f.away) != 0 {
				t.Errorf("plain %d: cut at %v, told at %v", i, f.cut, f.away)
			}
		}
		first, last := time.Hour, time.Duration(0)
		for i, f := range long {
			if len(f.away) != 1 || f.ends == (len(f.cut) == 1) || !f.ends && f.cut[0] != time.Minute {
				t.Fatalf("long %d: cut at %v, told at %v", i, f.cut, f.away)
			}
			first, last = min(first, f.away[0]), max(last, f.away[0])
		}
		if first != 10*time.Second || last <= 11*time.Second || last > 12*time.Second {
			t.Errorf("told between %s and %s", first, last)
		}
		if len(finishes.cut) != 0 || r.Stats().Long != 0 || r.State() != balance.TargetRetired {
			t.Errorf("%+v", r.Stats())
		}
	})
}

func TestADrainOfLongAnswersEndsWithTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTarget("1")
		g := newGroup(t, all(r))
		for range 1000 {
			fly(t, g, true).ends = true
		}
		began := time.Now()
		if err := only(r).Drain(t.Context(), balance.Patience{Plain: time.Second, Long: time.Hour}); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 2*time.Second || took > 3*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestTheEndOfADrainsContextCutsAll(t *testing.T) {
	for _, after := range []time.Duration{500 * time.Millisecond, 1500 * time.Millisecond, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			r := newTarget("1")
			g := newGroup(t, all(r))
			plain, long := fly(t, g, false), fly(t, g, true)
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			err := r.Drain(ctx, balance.Patience{Plain: time.Second, Long: time.Hour})
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 requests") {
				t.Errorf("got %v", err)
			}
			if len(long.cut) != 1 || long.cut[0] != after || plain.cut[0] != min(after, time.Second) {
				t.Errorf("after %s: cut at %v and %v", after, plain.cut, long.cut)
			}
		})
	}
}

func TestWithoutALimitOfTheirOwnLongAnswersHaveThePlainOne(t *testing.T) {
	for _, p := range []balance.Patience{{Plain: 10 * time.Second}, {Plain: 10 * time.Second, Long: 5 * time.Second}, {Plain: 10 * time.Second, Long: 10 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			r := newTarget("1")
			long := fly(t, newGroup(t, all(r)), true)
			if err := r.Drain(t.Context(), p); err == nil {
				t.Error("nothing was cut")
			}
			if len(long.away) != 0 || fmt.Sprint(long.cut) != "[10s]" {
				t.Errorf("told at %v, cut at %v", long.away, long.cut)
			}
		})
	}
}

func TestTwoDrainsAtOnceBothEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTarget("1")
		lease(t, r, func(error) {}) // never ends
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { _ = r.Drain(t.Context(), balance.Patience{Plain: time.Second}) })
		}
		wg.Wait()
		if s := r.State(); s != balance.TargetDraining {
			t.Errorf("the release is %s", s)
		}
	})
}
