package balance_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// retried is a group of one release of so many targets.
func retried(t testing.TB, targets int, how *balance.Retry) (*balance.Group, *balance.Release) {
	t.Helper()
	r := several("1", targets, func(cfg *balance.ReleaseConfig, _ *balance.TargetConfig) { cfg.Ejection.Off = true })
	g := newGroup(t)
	split(t, g, balance.Split{Shares: []balance.Share{all(r)}, Retry: how})
	return g, r
}

// again has r fail with o, and says whether a sibling gets it; that then answers with second.
func again(t testing.TB, g *balance.Group, r *proxy.Request, o, second proxy.Outcome) bool {
	t.Helper()
	l := take(t, g, r)
	x := l.Replay(o)
	l.Done(o)
	if x == nil {
		return false
	}
	if version(x) != version(l) || x.Target() == l.Target() || x.Keep() != 0 || x.Replay(failed) != nil {
		t.Errorf("%s of %s failed, and %s of %s has it", instance(l), version(l), instance(x), version(x))
	}
	x.Done(second)
	return true
}

func TestASiblingAnswersWhatATargetFailsWhereItMay(t *testing.T) {
	how := balance.Retry{Matches: []proxy.Match{{Method: "POST", Path: "/orders"}}, Keep: 100}
	status := func(n int) proxy.Outcome { return proxy.Outcome{Class: proxy.ClassOf(n), Status: n} }
	for _, c := range []struct {
		method, path string
		o            proxy.Outcome
		want         bool
	}{
		{"GET", "/", failed, true},
		{"HEAD", "/", proxy.Outcome{Class: proxy.ClassTimeout}, true},
		{"GET", "/", status(502), true},
		{"GET", "/", status(503), true},
		{"GET", "/", status(504), true},
		{"POST", "/orders/1", failed, true},
		{"POST", "/", failed, false},
		{"GET", "/", status(500), false},
		{"GET", "/", status(404), false},
		{"GET", "/", ok, false},
		{"GET", "/", proxy.Outcome{Class: proxy.ClassClientGone}, false},
		{"GET", "/", proxy.Outcome{Class: proxy.ClassDrained}, false},
		{"GET", "/", proxy.Outcome{Class: proxy.ClassHost}, false},
		{"GET", "/", proxy.Outcome{Class: proxy.ClassTransport, Reached: true}, false},
		{"POST", "/orders", proxy.Outcome{Class: proxy.ClassTransport, Unkept: true}, false},
	} {
		g, _ := retried(t, 2, &how)
		r := &proxy.Request{Method: c.method, Path: c.path}
		if got := again(t, g, r, c.o, ok); got != c.want {
			t.Errorf("%s %s with %+v: %t", c.method, c.path, c.o, got)
		}
		l := take(t, g, r)
		if keeps := l.Keep() == 100; keeps != (c.path != "/" || c.method != "POST") {
			t.Errorf("%s %s keeps %d", c.method, c.path, l.Keep())
		}
		l.Done(ok)
	}
}

func TestWithoutAnybodyToAskOrLeaveNothingIsRetried(t *testing.T) {
	get := &proxy.Request{Method: "GET", Path: "/"}
	if g, _ := retried(t, 2, nil); again(t, g, get, failed, ok) {
		t.Error("retried by default")
	}
	g, r := retried(t, 1, &balance.Retry{})
	l := take(t, g, get)
	if l.Keep() != 0 {
		t.Error("kept for nobody")
	}
	l.Done(ok)
	if again(t, g, get, failed, ok) {
		t.Error("retried on itself")
	}
	r.Add(balance.TargetConfig{Instance: "second"}).Down()
	if again(t, g, get, failed, ok) {
		t.Error("retried on one that is down")
	}
	if s := g.Stats().Retry; s != (balance.RetryStats{}) {
		t.Errorf("%+v", s)
	}
}

func TestRetriesAreCountedAndHaveABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, r := retried(t, 3, &balance.Retry{Budget: 1000})
		get := &proxy.Request{Method: "GET", Path: "/"}
		n := 0
		for i := range 3000 {
			second := ok
			if i%2 == 0 {
				second = failed
			}
			if again(t, g, get, failed, second) {
				n++
			}
		}
		// A thousand lie ready, and a tenth of the requests.
		if s := g.Stats().Retry; n < 1290 || n > 1301 || s.Retried != uint64(n) || s.Retried+s.OverBudget != 3000 || s.Rescued == 0 || s.Rescued > s.Retried {
			t.Errorf("%d retried: %+v", n, s)
		}
		if s := r.Stats(); s.Rescued != 0 || s.Requests != 3000+uint64(n) || s.InFlight != 0 || g.Stats().Shield != (balance.ShieldStats{}) {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Second)
		n = 0
		for range 100 {
			if again(t, g, get, failed, ok) {
				n++
			}
		}
		if n < 19 || n > 21 {
			t.Errorf("%d of 100 after a second", n)
		}
	})
}

func TestAShieldComesBeforeARetryAndARetryIsNoEvidence(t *testing.T) {
	var seen []balance.Observation
	candidate := several("2", 2, func(cfg *balance.ReleaseConfig, _ *balance.TargetConfig) {
		cfg.Observe = func(o balance.Observation) { seen = append(seen, o) }
	})
	g := newGroup(t)
	under := balance.Split{Rollout: "r", Cap: 5, Shield: &balance.Shield{}, Retry: &balance.Retry{Matches: []proxy.Match{{Path: "/"}}},
		Shares: []balance.Share{{Release: candidate, Weight: balance.Full}, {Release: newTarget("1"), Stable: true}}}
	split(t, g, under)
	l := take(t, g, &proxy.Request{Method: "GET", Path: "/"})
	x := l.Replay(failed)
	l.Done(failed)
	if x == nil || version(x) != "1" {
		t.Fatalf("a GET is %v's", x)
	}
	x.Done(ok)
	if !again(t, g, &proxy.Request{Method: "POST", Path: "/"}, failed, ok) {
		t.Error("a POST that only the retry covers is not retried")
	}
	if s := g.Stats(); s.Shield.Rescued != 1 || s.Shield.Uncovered != 1 || s.Retry != (balance.RetryStats{Retried: 1, Rescued: 1}) || candidate.Rescued() != 1 {
		t.Errorf("%+v, %d rescued", s, candidate.Rescued())
	}
	if len(seen) != 3 || !seen[0].Dealt || !seen[1].Dealt || seen[2].Dealt || seen[1].Target == seen[2].Target {
		t.Errorf("%+v", seen)
	}
	for range 20 { // which frees the cap
		again(t, g, &proxy.Request{Method: "POST", Path: "/"}, failed, ok)
	}
	if n := g.Stats().Spilled; n != 0 {
		t.Errorf("%d spilled", n)
	}
}

// What only a retry covers must not be taken back: nobody would answer it.
func TestWhatOnlyARetryCoversIsNotTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		candidate, stable := several("2", 2, nil), newTarget("1")
		g := newGroup(t)
		split(t, g, balance.Split{Rollout: "r", Shield: &balance.Shield{}, Retry: &balance.Retry{Matches: []proxy.Match{{Path: "/"}}},
			Shares: []balance.Share{{Release: candidate, Weight: balance.Full}, {Release: stable, Stable: true}}})
		back := 0
		l := take(t, g, &proxy.Request{Method: "POST", Path: "/"})
		l.OnRecall(func() bool { back++; return true })
		l.Sent(time.Now())
		split(t, g, rolledBack(stable))
		time.Sleep(time.Minute)
		synctest.Wait()
		if back != 0 {
			t.Error("it was taken back")
		}
		l.Done(ok)
	})
}

func TestARetryThatCannotBeIsRefused(t *testing.T) {
	err := newGroup(t).Apply(balance.Split{Retry: &balance.Retry{Budget: -1}})
	if err == nil || !strings.Contains(err.Error(), "retry of module m: a budget of -1") {
		t.Errorf("got %v", err)
	}
}
