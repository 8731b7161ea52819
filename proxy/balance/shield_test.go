package balance_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// shielded is a group whose candidate gets every request, and stable what it fails.
func shielded(t testing.TB, s balance.Shield) (g *balance.Group, stable, candidate *balance.Release) {
	t.Helper()
	stable, candidate = newTarget("1"), newTarget("2")
	g = balance.NewGroup(balance.GroupConfig{Module: "m"})
	split(t, g, balance.Split{Rollout: "r", Shield: &s,
		Shares: []balance.Share{{Release: candidate, Weight: balance.Full}, {Release: stable, Stable: true}}})
	return g, stable, candidate
}

// fail has the candidate fail r with o, and says whether stable gets it; stable then
// answers with second.
func fail(t testing.TB, g *balance.Group, r *proxy.Request, o, second proxy.Outcome) bool {
	t.Helper()
	l := take(t, g, r)
	replay := l.Replay(o)
	l.Done(o)
	if replay == nil {
		return false
	}
	if version(replay) != "1" || replay.Keep() != 0 || replay.Replay(failed) != nil {
		t.Errorf("the replay went to %s, or would be replayed", version(replay))
	}
	replay.Done(second)
	return true
}

func TestWhatMayBeReplayedIs(t *testing.T) {
	routes := balance.Shield{Matches: []proxy.Match{{Method: "POST", Path: "/orders"}, {Path: "/any/"}, {Method: "PUT", Path: "/%61"}}, Keep: 100}
	server := proxy.Outcome{Class: proxy.ClassServerError, Status: 503}
	for _, c := range []struct {
		method, path string
		o            proxy.Outcome
		want         bool
	}{
		{"GET", "/", failed, true},
		{"HEAD", "/", server, true},
		{"OPTIONS", "/", proxy.Outcome{Class: proxy.ClassTimeout}, true},
		{"get", "/", failed, false},
		{"POST", "/", failed, false},
		{"DELETE", "/orders", failed, false},
		{"POST", "/orders", failed, true},
		{"POST", "/orders/1", server, true},
		{"POST", "/orders2", failed, false},
		{"DELETE", "/any/x", failed, true},
		{"DELETE", "/any", failed, false},
		{"PUT", "/a/b", failed, true},
		{"GET", "/", proxy.Outcome{Class: proxy.ClassServerError, Status: 500, Reached: true}, false},
		{"GET", "/", proxy.Outcome{Class: proxy.ClassTransport, Reached: true}, false},
		{"GET", "/", proxy.Outcome{Class: proxy.ClassClientGone}, false},
		{"GET", "/", proxy.Outcome{Class: proxy.ClassDrained}, false},
		{"GET", "/", proxy.Outcome{Class: proxy.ClassHost}, false},
		{"GET", "/", proxy.Outcome{Class: proxy.ClassClientError, Status: 404}, false},
		{"GET", "/", ok, false},
	} {
		g, _, _ := shielded(t, routes)
		r := &proxy.Request{Method: c.method, Path: c.path}
		if got := fail(t, g, r, c.o, ok); got != c.want {
			t.Errorf("%s %s with %+v: %v", c.method, c.path, c.o, got)
		}
		l := take(t, g, r)
		if keeps := l.Keep() == 100; keeps != (c.want || c.method == "GET") {
			t.Errorf("%s %s keeps %d", c.method, c.path, l.Keep())
		}
		l.Done(ok)
	}
}

func TestTheShieldCounts(t *testing.T) {
	g, _, candidate := shielded(t, balance.Shield{})
	get := &proxy.Request{Method: "GET", Path: "/"}
	fail(t, g, get, failed, ok)
	fail(t, g, get, failed, proxy.Outcome{Class: proxy.ClassClientError, Status: 404})
	fail(t, g, get, failed, failed)
	fail(t, g, get, failed, proxy.Outcome{Class: proxy.ClassClientGone})
	fail(t, g, &proxy.Request{Method: "POST", Path: "/"}, failed, ok)
	unkept := failed
	unkept.Unkept = true
	fail(t, g, get, unkept, ok)
	want := balance.ShieldStats{Replayed: 4, Rescued: 2, Unkept: 1, Uncovered: 1}
	if s := g.Stats().Shield; s != want {
		t.Errorf("%+v", s)
	}
	take(t, g, &proxy.Request{Failed: only(candidate)}).Done(ok) // had not been reached
	if n := candidate.Rescued(); n != 3 || candidate.Stats().Rescued != 3 {
		t.Errorf("%d rescued", n)
	}
}

func TestStablesFailuresAreItsOwn(t *testing.T) {
	g, _, candidate := shielded(t, balance.Shield{})
	get := &proxy.Request{Method: "GET", Path: "/"}
	candidate.Down()
	l := take(t, g, get)
	if version(l) != "1" || l.Keep() != 0 || l.Replay(failed) != nil {
		t.Error("stable is shielded")
	}
	l.Done(failed)
	if s := g.Stats().Shield; s != (balance.ShieldStats{}) {
		t.Errorf("%+v", s)
	}
	again, stable, _ := shielded(t, balance.Shield{})
	stable.Down()
	if fail(t, again, get, failed, ok) {
		t.Error("replayed on a stable that is down")
	}
}

func TestTheSplitOfTheMomentSaysWhereAReplayGoesAndTheOneBeforeWhetherItDoes(t *testing.T) {
	g, stable, candidate := shielded(t, balance.Shield{})
	get := &proxy.Request{Method: "GET", Path: "/"}
	l := take(t, g, get)
	other := newTarget("3")
	split(t, g, balance.Split{Shield: &balance.Shield{}, Shares: []balance.Share{all(other)}})
	if replay := l.Replay(failed); replay == nil || version(replay) != "3" {
		t.Errorf("went to %v", replay)
	} else {
		replay.Done(ok)
	}
	l.Done(failed)
	under := balance.Split{Rollout: "r", Shield: &balance.Shield{}, Shares: []balance.Share{{Release: candidate, Weight: balance.Full}, {Release: stable, Stable: true}}}
	for name, c := range map[string]struct {
		next balance.Split
		want bool
	}{
		"promoted":         {balance.Split{Shares: []balance.Share{all(candidate)}}, false},
		"rolled back":      {balance.Split{Shares: []balance.Share{all(stable)}}, true},
		"nobody is stable": {balance.Split{}, false},
	} {
		split(t, g, under)
		l := take(t, g, get)
		split(t, g, c.next)
		replay := l.Replay(failed)
		if replay != nil {
			replay.Done(ok)
		}
		if replay != nil != c.want {
			t.Errorf("%s: replayed on %v", name, replay)
		}
		l.Done(failed)
	}
}

func TestReplaysHaveABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _, _ := shielded(t, balance.Shield{Budget: 2000})
		get := &proxy.Request{Method: "GET", Path: "/"}
		replays := func(requests int) (n int) {
			for range requests {
				if fail(t, g, get, failed, ok) {
					n++
				}
			}
			return n
		}
		// A thousand lie ready, and a fifth of the requests comes in the meantime.
		if n := replays(5000); n < 1990 || n > 2010 {
			t.Errorf("%d of the first 5000", n)
		}
		if n := replays(1000); n < 199 || n > 201 {
			t.Errorf("%d of 1000 that fail without an end", n)
		}
		time.Sleep(time.Second)
		if n := replays(100); n < 29 || n > 31 {
			t.Errorf("%d of 100 after a second", n)
		}
		if s := g.Stats().Shield; s.Replayed+s.OverBudget != 6100 {
			t.Errorf("%+v", s)
		}
		time.Sleep(24 * time.Hour)
		if n := replays(3000); n < 1590 || n > 1610 {
			t.Errorf("%d of 3000 after a day", n)
		}
	})
}

func TestAWeekOfRestFillsTheBudgetOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _, _ := shielded(t, balance.Shield{})
		get := &proxy.Request{Method: "GET", Path: "/"}
		time.Sleep(7 * 24 * time.Hour)
		n := 0
		for range 3000 {
			if fail(t, g, get, failed, ok) {
				n++
			}
		}
		if n < 1000 || n > 1001 {
			t.Errorf("%d replays without a budget", n)
		}
	})
}
