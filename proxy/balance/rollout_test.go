package balance_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/sticky"
)

var (
	ok     = proxy.Outcome{Class: proxy.ClassOK, Status: 200}
	failed = proxy.Outcome{Class: proxy.ClassTransport}
)

func secret(t testing.TB) *sticky.Secret {
	t.Helper()
	s, err := sticky.NewSecret([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// watched is a target that keeps what its observer is told.
func watched(version string) (*balance.Release, *[]balance.Observation) {
	var mu sync.Mutex
	seen := new([]balance.Observation)
	return single(balance.ReleaseConfig{
		Labels: proxy.Labels{Module: "m", Version: version},
		Observe: func(o balance.Observation) {
			mu.Lock()
			defer mu.Unlock()
			*seen = append(*seen, o)
		},
	}, balance.TargetConfig{}), seen
}

func split(t testing.TB, g *balance.Group, s balance.Split) {
	t.Helper()
	if err := g.Apply(s); err != nil {
		t.Fatal(err)
	}
}

func take(t testing.TB, g *balance.Group, r *proxy.Request) *balance.Lease {
	t.Helper()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Cancel = func(error) {}
	l, err := g.Pick(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func version(l proxy.Exchange) string { return l.Target().Labels().Version }

func TestWhatTheWeightsLeaveOverGoesToStableOrWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newTarget("1"), newTarget("2")
		g := newGroup(t, balance.Share{Release: b, Weight: 5000}, balance.Share{Release: a, Weight: 0, Stable: true})
		got := map[string]int{}
		for range 100 {
			got[pick(t, g)]++
		}
		if got["1"] != 50 || got["2"] != 50 {
			t.Errorf("got %v", got)
		}
		apply(t, g, balance.Share{Release: b, Weight: 5000})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { pick(t, g) })
		}
		synctest.Wait()
		if n := g.Stats().Waiting; n < 3 || n > 7 {
			t.Errorf("%d of 10 wait", n)
		}
		apply(t, g, all(a))
		wg.Wait()
	})
}

func TestASplitThatCannotBeIsRefused(t *testing.T) {
	a := newTarget("1")
	foreign := balance.NewRelease(balance.ReleaseConfig{Labels: proxy.Labels{Module: "other"}})
	for want, s := range map[string]balance.Split{
		"a cap of -1":            {Cap: -1},
		"preview of module m":    {Preview: balance.Preview{Release: foreign}},
		"a budget of -1":         {Shield: &balance.Shield{Budget: -1}},
		"a budget of 10001":      {Shield: &balance.Shield{Budget: 10001}},
		"a body of -1 bytes":     {Shield: &balance.Shield{Keep: -1}},
		`route "orders"`:         {Shield: &balance.Shield{Matches: []proxy.Match{{Path: "orders"}}}},
		"weights sum to 10001, ": {Shares: []balance.Share{{Release: a, Weight: 10001}}},
	} {
		g := newGroup(t, all(a))
		if err := g.Apply(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if pick(t, g) != "1" {
			t.Error("a refused split changed something")
		}
	}
}

func TestAUserStaysOnItsSideAsTheWeightRises(t *testing.T) {
	a, b := newTarget("1"), newTarget("2")
	second := newTarget("1") // another instance of stable
	g := balance.NewGroup(balance.GroupConfig{Module: "m"})
	users := secret(t).ByHeader("X-User")
	on := map[string]bool{}
	for _, weight := range []int{100, 500, 2500, 5000, 10000} {
		stable := balance.Full - weight
		split(t, g, balance.Split{Rollout: "r", Users: users, Shares: []balance.Share{{Release: a, Weight: stable / 2, Stable: true},
			{Release: b, Weight: weight}, {Release: second, Weight: stable - stable/2, Stable: true}}})
		n := 0
		for i := range 2000 {
			user := fmt.Sprint(i)
			for range 2 {
				l := take(t, g, &proxy.Request{Header: http.Header{"X-User": {user}}})
				l.Done(ok)
				candidate := version(l) == "2"
				if on[user] && !candidate {
					t.Fatalf("weight %d: user %s went back", weight, user)
				}
				on[user] = candidate
			}
			if on[user] {
				n++
			}
		}
		if due := 2000 * weight / balance.Full; n < due-110 || n > due+110 { // five standard deviations at the half
			t.Errorf("weight %d: %d users of 2000", weight, n)
		}
	}
}

func TestANewUserIsToldWhoItIsAndStays(t *testing.T) {
	a, b := newTarget("1"), newTarget("2")
	g := balance.NewGroup(balance.GroupConfig{Module: "m"})
	s := balance.Split{Users: secret(t).ByCookie(), Shares: []balance.Share{{Release: a, Weight: 5000, Stable: true}, {Release: b, Weight: 5000}}}
	split(t, g, s)
	answer := func(r *proxy.Request) (string, string) {
		l := take(t, g, r)
		defer l.Done(ok)
		header := http.Header{}
		l.Answered(proxy.Answer{Header: header})
		return version(l), header.Get("Set-Cookie")
	}
	if _, line := answer(&proxy.Request{}); line != "" {
		t.Errorf("without a rollout: %q", line)
	}
	s.Rollout = "r"
	split(t, g, s)
	sides := map[string]int{}
	for range 100 {
		side, line := answer(&proxy.Request{})
		sides[side]++
		pair, _, _ := strings.Cut(line, ";")
		again := &proxy.Request{Header: http.Header{"Cookie": {pair}}}
		if same, line := answer(again); same != side || line != "" || !strings.HasPrefix(pair, sticky.CookieName+"=") {
			t.Fatalf("%q: from %s to %s, %q", pair, side, same, line)
		}
	}
	if sides["1"] < 20 || sides["2"] < 20 {
		t.Errorf("the sides are %v", sides)
	}
}

func TestTheObserverIsToldWhatIsEvidence(t *testing.T) {
	a, stableSeen := watched("1")
	b, seen := watched("2")
	g := balance.NewGroup(balance.GroupConfig{Module: "m"})
	users := secret(t).ByHeader("X-User")
	s := balance.Split{Rollout: "r", Users: users, Cap: 1, Shield: &balance.Shield{}, Preview: balance.Preview{Release: b, Token: "t"},
		Shares: []balance.Share{{Release: b, Weight: balance.Full}, {Release: a, Stable: true}}}
	split(t, g, s)
	expect := func(what string, seen *[]balance.Observation, dealt, keyed bool) {
		t.Helper()
		if n := len(*seen); n != 1 || (*seen)[0].Dealt != dealt || (*seen)[0].Key != 0 != keyed {
			t.Errorf("%s: %+v", what, *seen)
		}
		*seen = nil
	}
	byUser := func() *proxy.Request {
		return &proxy.Request{Method: "GET", Header: http.Header{"X-User": {"u"}}}
	}
	take(t, g, byUser()).Done(ok)
	expect("a user's", seen, true, true)
	take(t, g, &proxy.Request{}).Done(ok)
	expect("nobody's", seen, true, false)
	take(t, g, &proxy.Request{Header: http.Header{balance.PreviewHeader: {"t"}}}).Done(ok)
	expect("a preview", seen, false, false)

	first := take(t, g, byUser())
	take(t, g, byUser()).Done(ok) // above the cap
	expect("spilled", stableSeen, false, true)
	replay := first.Replay(failed)
	first.Done(failed)
	replay.Done(ok)
	expect("what was replayed", seen, true, true)
	expect("the replay", stableSeen, false, true)
	take(t, g, &proxy.Request{Failed: only(b)}).Done(ok)
	expect("what did not reach another", stableSeen, false, false)

	s.Shares = []balance.Share{{Release: a, Weight: 9999, Stable: true}, {Release: b, Weight: 1}}
	s.Users = nil
	split(t, g, s)
	dealt := func() bool { // to stable, but for once in ten thousand
		for {
			*stableSeen = nil
			take(t, g, &proxy.Request{}).Done(ok)
			if len(*stableSeen) == 1 {
				return (*stableSeen)[0].Dealt
			}
		}
	}
	if !dealt() {
		t.Error("stable's own are no evidence")
	}
	b.Down()
	if dealt() {
		t.Error("what only stable could get is evidence")
	}
}

func TestTheCapHoldsUntilTheHeadOfAnAnswer(t *testing.T) {
	a, b := newTarget("1"), newTarget("2")
	g := balance.NewGroup(balance.GroupConfig{Module: "m"})
	split(t, g, balance.Split{Rollout: "r", Cap: 2, Shares: []balance.Share{{Release: b, Weight: balance.Full}, {Release: a, Stable: true}}})
	var leases []*balance.Lease
	expect := func(want string) {
		t.Helper()
		l := take(t, g, &proxy.Request{})
		if version(l) != want {
			t.Errorf("went to %s, not %s", version(l), want)
		}
		leases = append(leases, l)
	}
	expect("2")
	expect("2")
	expect("1")
	leases[0].Answered(proxy.Answer{Header: http.Header{}})
	leases[0].Answered(proxy.Answer{Header: http.Header{}})
	expect("2")
	expect("1")
	leases[0].Done(ok) // makes no more room
	expect("1")
	leases[1].Done(failed)
	expect("2")
	expect("1")
	if n := g.Stats().Spilled; n != 4 {
		t.Errorf("%d spilled", n)
	}
	for _, l := range leases {
		l.Done(ok)
	}
}

func TestManyAtOnceDoNotBreakTheCap(t *testing.T) {
	a, b := newTarget("1"), newTarget("2")
	g := balance.NewGroup(balance.GroupConfig{Module: "m"})
	split(t, g, balance.Split{Cap: 5, Shares: []balance.Share{{Release: b, Weight: balance.Full}, {Release: a, Stable: true}}})
	var wg sync.WaitGroup
	var unanswered atomic.Int64
	for range 8 {
		wg.Go(func() {
			for range 500 {
				l := take(t, g, &proxy.Request{})
				if version(l) == "2" {
					if n := unanswered.Add(1); n > 5 {
						t.Errorf("%d without an answer", n)
					}
					unanswered.Add(-1)
				}
				l.Done(ok)
			}
		})
	}
	wg.Wait()
	var leases []*balance.Lease
	for range 10 {
		leases = append(leases, take(t, g, &proxy.Request{}))
	}
	if n := b.Stats().InFlight; n != 5 {
		t.Errorf("%d in flight at last", n)
	}
	for _, l := range leases {
		l.Done(ok)
	}
}

func TestARequestIsOverdueFromWhenItWasSentUntilItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTarget("1")
		g := newGroup(t, all(a))
		before := take(t, g, &proxy.Request{})
		before.Sent(time.Now())
		split(t, g, balance.Split{Rollout: "r", Shares: []balance.Share{all(a)}, Preview: balance.Preview{Release: a, Token: "t"}})
		preview := take(t, g, &proxy.Request{Header: http.Header{balance.PreviewHeader: {"t"}}})
		inherited := take(t, g, &proxy.Request{Failed: only(newTarget("3"))})
		hangs, answered, uploads := take(t, g, &proxy.Request{}), take(t, g, &proxy.Request{}), take(t, g, &proxy.Request{})
		for _, l := range []*balance.Lease{preview, inherited, hangs, answered} {
			l.Sent(time.Now())
		}
		answered.Answered(proxy.Answer{Header: http.Header{}})
		time.Sleep(time.Second)
		young := take(t, g, &proxy.Request{})
		young.Sent(time.Now())
		for than, want := range map[time.Duration]int{time.Second: 0, time.Second - 1: 1, -time.Second: 2} {
			if n := a.Overdue(than); n != want {
				t.Errorf("%d are overdue by more than %s, want %d", n, than, want)
			}
		}
		uploads.Sent(time.Now())
		time.Sleep(time.Second)
		if n := a.Overdue(999 * time.Millisecond); n != 3 {
			t.Errorf("%d are overdue", n)
		}
		for _, l := range []*balance.Lease{before, preview, inherited, hangs, answered, uploads, young} {
			l.Done(ok)
		}
		if n := a.Overdue(0); n != 0 {
			t.Errorf("%d are overdue of none in flight", n)
		}
	})
}

// tap is one that can be told from another.
type tap struct {
	proxy.Tap
	path string
}

func TestWhatStableAnswersIsTapped(t *testing.T) {
	a, b := newTarget("1"), newTarget("2")
	g := balance.NewGroup(balance.GroupConfig{Module: "m"})
	shares := []balance.Share{{Release: a, Weight: 5000, Stable: true}, {Release: b, Weight: 5000}}
	split(t, g, balance.Split{Shares: shares, Shield: &balance.Shield{}, Tap: func(r *proxy.Request) proxy.Tap { return tap{path: r.Path} }})
	var got []string
	for range 10 {
		l := take(t, g, &proxy.Request{Method: "GET", Path: "/x"})
		switch made := l.Tap().(type) {
		case tap:
			if made.path != "/x" {
				t.Errorf("tapped %q", made.path)
			}
			got = append(got, version(l))
		case nil:
			if version(l) != "2" {
				t.Error("stable is not tapped")
			}
		}
		l.Done(ok)
	}
	if slices.Contains(got, "2") || len(got) == 0 {
		t.Errorf("tapped %v", got)
	}
	split(t, g, balance.Split{Shares: shares})
	l := take(t, g, &proxy.Request{})
	if l.Tap() != nil {
		t.Error("tapped without a tap")
	}
	l.Done(ok)
}
