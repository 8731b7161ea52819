package balance_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

func slowly(d time.Duration) func(*balance.ReleaseConfig, *balance.TargetConfig) {
	return func(cfg *balance.ReleaseConfig, _ *balance.TargetConfig) { cfg.SlowStart = d }
}

// wantShare wants the target to get its part of n requests, in a row or so many at once.
func wantShare(t *testing.T, g *balance.Group, who string, want float64, atOnce int) {
	t.Helper()
	const n = 6000
	got := 0
	var held []*balance.Lease
	for range n {
		l := take(t, g, &proxy.Request{})
		if instance(l) == who {
			got++
		}
		if held = append(held, l); len(held) == atOnce {
			// in an order that is nobody's
			for _, l := range held {
				l.Done(ok)
			}
			held = held[:0]
		}
	}
	for _, l := range held {
		l.Done(ok)
	}
	if share := float64(got) / n; math.Abs(share-want) > 0.04 {
		t.Errorf("%s got %.3f of the requests, %d at once, want %.3f", who, share, atOnce, want)
	}
}

func TestTheFirstTargetsOfAReleaseStartAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, all(several("1", 3, slowly(time.Minute))))
		wantShare(t, g, "i2", 1.0/3, 1)
	})
}

func TestATargetThatJoinsOthersGetsMoreAndMore(t *testing.T) {
	for _, atOnce := range []int{1, 60} {
		synctest.Test(t, func(t *testing.T) {
			r := several("1", 2, slowly(time.Minute))
			g := newGroup(t, all(r))
			take(t, g, request()).Done(ok)
			r.Add(balance.TargetConfig{Instance: "new"})
			for _, weight := range []float64{0.25, 0.5, 0.75, 1} {
				time.Sleep(15 * time.Second)
				wantShare(t, g, "new", weight/(2+weight), atOnce)
			}
		})
	}
}

func TestASlowStartCanBeTurnedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := several("1", 1, slowly(-1))
		g := newGroup(t, all(r))
		take(t, g, request()).Done(ok)
		r.Add(balance.TargetConfig{Instance: "new"})
		wantShare(t, g, "new", 0.5, 1)
	})
}

func TestATargetThatIsAloneStartsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := several("1", 1, slowly(time.Minute))
		g := newGroup(t, all(r))
		take(t, g, request()).Done(ok)
		only(r).Down()
		r.Add(balance.TargetConfig{Instance: "new"})
		if got := instances(t, g, 10); got["new"] != 10 {
			t.Errorf("got %v", got)
		}
		r.Add(balance.TargetConfig{Instance: "third"})
		wantShare(t, g, "third", 0.01, 1)
	})
}

func TestATargetThatReturnsGetsMoreAndMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t, 2, balance.Ejection{First: time.Second})
		for range 5 {
			w.end("i0", failed)
		}
		time.Sleep(time.Second)
		w.ask(1)
		time.Sleep(5 * time.Second) // half of ten
		wantShare(t, w.group, "i0", 1.0/3, 1)
	})
}
