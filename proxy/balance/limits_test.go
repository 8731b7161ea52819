package balance_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/limit"
	"github.com/segue-run/segue/proxy/route"
)

// limited is a pool of one module, all of which goes to one target.
type limited struct {
	*balance.Pool
	group  *balance.Group
	target *balance.Release
}

func newLimited(t *testing.T, limits limit.Limits, entries ...route.Entry) *limited {
	t.Helper()
	target := newTarget("1")
	p := &limited{Pool: new(balance.Pool), group: newGroup(t, all(target)), target: target}
	p.set(t, limits, entries...)
	return p
}

func (p *limited) set(t *testing.T, limits limit.Limits, entries ...route.Entry) {
	t.Helper()
	for i := range entries {
		entries[i].Module = "m"
	}
	table, err := route.Build(entries)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetModules(table, balance.Module{Group: p.group, Limits: limits}); err != nil {
		t.Fatal(err)
	}
}

func asks(path, client string) *proxy.Request {
	r := &proxy.Request{Method: http.MethodGet, Path: path, Header: http.Header{}, Cancel: func(error) {}, GoAway: func() {}}
	if client != "" {
		r.Client = netip.MustParseAddr(client)
	}
	return r
}

// come wants the request to get a target.
func (p *limited) come(t *testing.T, r *proxy.Request) proxy.Exchange {
	t.Helper()
	e, err := p.Direct(t.Context(), r)
	if err != nil {
		t.Fatalf("%s of %s: %v", r.Path, r.Client, err)
	}
	return e
}

// refused wants the request to be refused by a limit.
func (p *limited) refused(t *testing.T, r *proxy.Request, want proxy.LimitError) {
	t.Helper()
	want.Module = "m"
	_, err := p.Direct(t.Context(), r)
	if got, ok := errors.AsType[*proxy.LimitError](err); !ok || *got != want {
		t.Errorf("%s of %s: got %+v, want %+v", r.Path, r.Client, err, want)
	}
	if r.Route == nil {
		t.Error("it has no route")
	}
}

func TestARequestKnowsItsRouteAlsoWhereItIsRefused(t *testing.T) {
	p := newLimited(t, limit.Limits{Concurrent: 1}, route.Entry{Path: "/a", Strip: true})
	r := asks("/a/b", "")
	p.come(t, r)
	if r.Route == nil || r.Route.Pattern != "/a" || r.Route.Module != "m" || !r.Route.Strip {
		t.Errorf("got %+v", r.Route)
	}
	p.refused(t, asks("/a", ""), proxy.LimitError{Concurrent: true, RetryAfter: time.Second})
	if _, err := p.Direct(t.Context(), asks("/b", "")); !errors.Is(err, proxy.ErrNoRoute) || p.Unrouted() != 1 {
		t.Errorf("got %v", err)
	}
}

func TestARateHoldsForARouteAndForItsModule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := route.Entry{Path: "/slow", Limits: limit.Limits{Pace: limit.Pace{Every: time.Minute, Burst: 2}}}
		p := newLimited(t, limit.Limits{Pace: limit.Pace{Every: time.Second, Burst: 3}}, slow, route.Entry{Path: "/"})
		p.come(t, asks("/slow", ""))
		p.come(t, asks("/slow", ""))
		p.refused(t, asks("/slow", ""), proxy.LimitError{Route: "/slow", RetryAfter: time.Minute})
		p.come(t, asks("/", "")) // what the route refused did not count for the module
		p.refused(t, asks("/", ""), proxy.LimitError{RetryAfter: time.Second})
		time.Sleep(time.Minute)
		for range 3 {
			p.come(t, asks("/", ""))
		}
		p.refused(t, asks("/slow", ""), proxy.LimitError{RetryAfter: time.Second})
		time.Sleep(time.Second)
		p.come(t, asks("/slow", "")) // what the module refused did not count for the route
		if got := p.Limited("m"); got != (balance.LimitStats{Rate: 3}) {
			t.Errorf("counted %+v", got)
		}
	})
}

func TestAClientThatSendsTooManyDoesNotUseUpWhatOthersHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newLimited(t, limit.Limits{PerClient: limit.Pace{Every: time.Second, Burst: 2}, Pace: limit.Pace{Every: time.Second, Burst: 4}}, route.Entry{Path: "/"})
		p.come(t, asks("/", "192.0.2.1"))
		p.come(t, asks("/", "192.0.2.1"))
		for range 100 {
			p.refused(t, asks("/", "192.0.2.1"), proxy.LimitError{Client: true, RetryAfter: time.Second})
		}
		p.come(t, asks("/", "192.0.2.2"))
		p.come(t, asks("/", ""))
		for range 100 {
			p.refused(t, asks("/", "192.0.2.3"), proxy.LimitError{RetryAfter: time.Second})
		}
		time.Sleep(2 * time.Second)
		p.come(t, asks("/", "192.0.2.3")) // what the module refused did not count for the client
		p.come(t, asks("/", "192.0.2.3"))
		if got := p.Limited("m"); got != (balance.LimitStats{Rate: 100, Client: 100}) {
			t.Errorf("counted %+v", got)
		}
	})
}

func TestWhatIsUnderWayIsCountedUntilItIsDone(t *testing.T) {
	p := newLimited(t, limit.Limits{Concurrent: 3}, route.Entry{Path: "/two", Limits: limit.Limits{Concurrent: 2}}, route.Entry{Path: "/"})
	one, two := p.come(t, asks("/two", "")), p.come(t, asks("/two", ""))
	p.refused(t, asks("/two", ""), proxy.LimitError{Route: "/two", Concurrent: true, RetryAfter: time.Second})
	three := p.come(t, asks("/", ""))
	p.refused(t, asks("/", ""), proxy.LimitError{Concurrent: true, RetryAfter: time.Second})
	one.Done(ok)
	one.Done(ok) // which does nothing
	p.come(t, asks("/", ""))
	p.refused(t, asks("/two", ""), proxy.LimitError{Concurrent: true, RetryAfter: time.Second}) // and the route has its place again
	three.Done(ok)
	p.come(t, asks("/two", ""))
	two.Done(ok)
	if got := p.Limited("m"); got != (balance.LimitStats{Concurrent: 3}) {
		t.Errorf("counted %+v", got)
	}
}

func TestARequestThatFindsNoTargetIsUnderWayNoMore(t *testing.T) {
	p := newLimited(t, limit.Limits{Concurrent: 1}, route.Entry{Path: "/"})
	apply(t, p.group)
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.Direct(ctx, asks("/", "")); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
	}
	apply(t, p.group, all(p.target))
	p.come(t, asks("/", ""))
}

func TestASecondAttemptIsNoSecondRequest(t *testing.T) {
	p := newLimited(t, limit.Limits{Concurrent: 1, Pace: limit.Pace{Every: time.Hour, Burst: 1}}, route.Entry{Path: "/"})
	other := newTarget("2")
	apply(t, p.group, balance.Share{Release: p.target, Weight: 5000, Stable: true}, balance.Share{Release: other, Weight: 5000, Stable: true})
	r := asks("/", "")
	first := p.come(t, r)
	first.Done(proxy.Outcome{Class: proxy.ClassTransport})
	r.Failed = first.Target()
	second := p.come(t, r)
	if second.Target() == first.Target() {
		t.Error("it went to the same target")
	}
	p.refused(t, asks("/", ""), proxy.LimitError{Concurrent: true, RetryAfter: time.Second})
	second.Done(ok)
	if _, err := p.Direct(t.Context(), asks("/", "")); err == nil {
		t.Error("one more came")
	}
}

func TestAReplayIsUnderWayInPlaceOfWhatItReplaces(t *testing.T) {
	p := newLimited(t, limit.Limits{Concurrent: 1}, route.Entry{Path: "/"})
	candidate := newTarget("2")
	err := p.group.Apply(balance.Split{Rollout: "r1", Shield: &balance.Shield{}, Shares: []balance.Share{{Release: p.target, Stable: true}, {Release: candidate, Weight: balance.Full}}})
	if err != nil {
		t.Fatal(err)
	}
	first := p.come(t, asks("/", ""))
	failed := proxy.Outcome{Class: proxy.ClassServerError, Status: 500}
	second := first.Replay(failed)
	if second == nil {
		t.Fatal("it is not replayed")
	}
	first.Done(failed)
	p.refused(t, asks("/", ""), proxy.LimitError{Concurrent: true, RetryAfter: time.Second})
	second.Done(ok)
	p.come(t, asks("/", "")).Done(ok)
}

func TestARetryIsUnderWayInPlaceOfWhatItReplaces(t *testing.T) {
	p := newLimited(t, limit.Limits{Concurrent: 1}, route.Entry{Path: "/"})
	p.target.Add(balance.TargetConfig{Instance: "sibling"})
	if err := p.group.Apply(balance.Split{Retry: &balance.Retry{}, Shares: []balance.Share{all(p.target)}}); err != nil {
		t.Fatal(err)
	}
	first := p.come(t, asks("/", ""))
	failed := proxy.Outcome{Class: proxy.ClassTransport}
	second := first.Replay(failed)
	if second == nil {
		t.Fatal("it is not tried again")
	}
	if second.Replay(failed) != nil {
		t.Error("it is tried a third time")
	}
	first.Done(failed)
	p.refused(t, asks("/", ""), proxy.LimitError{Concurrent: true, RetryAfter: time.Second})
	second.Done(ok)
	p.come(t, asks("/", "")).Done(ok)
}

func TestWhatHasComeCountsOnWhenRoutesChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ofModule := limit.Limits{Concurrent: 2, Pace: limit.Pace{Every: time.Hour, Burst: 3}, PerClient: limit.Pace{Every: time.Hour, Burst: 1}}
		ofRoute := limit.Limits{Pace: limit.Pace{Every: time.Hour, Burst: 2}}
		p := newLimited(t, ofModule, route.Entry{Path: "/a", Limits: ofRoute})
		first := p.come(t, asks("/a", "192.0.2.1"))
		second := p.come(t, asks("/a", "192.0.2.2"))
		p.set(t, ofModule, route.Entry{Path: "/a", Limits: ofRoute}, route.Entry{Path: "/b"})
		p.refused(t, asks("/b", ""), proxy.LimitError{Concurrent: true, RetryAfter: time.Second})
		first.Done(ok)
		second.Done(ok)
		p.refused(t, asks("/a", ""), proxy.LimitError{Route: "/a", RetryAfter: time.Hour})
		p.refused(t, asks("/b", "192.0.2.1"), proxy.LimitError{Client: true, RetryAfter: time.Hour})
		p.come(t, asks("/b", "")).Done(ok)
		p.refused(t, asks("/b", ""), proxy.LimitError{RetryAfter: time.Hour})
		if p.Limited("m").Rate != 2 || p.Limited("other") != (balance.LimitStats{}) {
			t.Errorf("counted %+v", p.Limited("m"))
		}
		p.set(t, limit.Limits{}, route.Entry{Path: "/a"})
		for range 10 {
			p.come(t, asks("/a", "192.0.2.1"))
		}
	})
}

func TestAPoolRefusesWhatLeadsNowhere(t *testing.T) {
	table, err := route.Build([]route.Entry{{Path: "/a", Module: "m"}, {Path: "/b", Methods: []string{"PUT"}, Module: "other"}})
	if err != nil {
		t.Fatal(err)
	}
	pool, group := new(balance.Pool), newGroup(t)
	if err := pool.SetModules(table, balance.Module{Group: group}); err == nil || !strings.Contains(err.Error(), "route PUT /b leads to module other") {
		t.Errorf("got %v", err)
	}
	if pool.Group("m") != nil {
		t.Error("it serves what it has refused")
	}
}

func TestARouteAndItsLimitsCostNoAllocation(t *testing.T) {
	every := limit.Limits{Concurrent: 10, Pace: limit.Pace{Every: 1, Burst: 100}}
	ofModule := every
	ofModule.PerClient = every.Pace
	p := newLimited(t, ofModule, route.Entry{Path: "/a", Methods: []string{"GET"}, Limits: every})
	bare := newLimited(t, limit.Limits{}, route.Entry{Path: "/a"})
	r := asks("/a/b", "192.0.2.1")
	count := func(p *limited) float64 {
		return testing.AllocsPerRun(100, func() { p.come(t, r).Done(ok) })
	}
	if with, without := count(p), count(bare); with != without || with > 1 {
		t.Errorf("%v allocations with limits, %v without", with, without)
	}
}

func TestRefusalsOfModulesThatAreGoneAreKeptForAThousandAtMost(t *testing.T) {
	const modules = 1100
	p := new(balance.Pool)
	name := func(n int) string { return fmt.Sprint("m", n) }
	kept := 0
	for n := range modules {
		table, err := route.Build([]route.Entry{{Module: name(n), Path: "/"}})
		if err != nil {
			t.Fatal(err)
		}
		g := balance.NewGroup(balance.GroupConfig{Module: name(n), MaxWait: time.Nanosecond})
		hourly := limit.Limits{Pace: limit.Pace{Every: time.Hour, Burst: 1}}
		if err := p.SetModules(table, balance.Module{Group: g, Limits: hourly}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			_, _ = p.Direct(t.Context(), asks("/", ""))
		}
		if got := p.Limited(name(n)).Rate; got != 1 {
			t.Fatalf("module %d had %d refusals while it was there", n, got)
		}
	}
	for n := range modules {
		if p.Limited(name(n)).Rate > 0 {
			kept++
		}
	}
	if kept != 1000 || p.Limited(name(0)).Rate != 1 || p.Limited(name(modules-1)).Rate != 1 {
		t.Errorf("%d are known, of the first and the one that is there %d and %d", kept, p.Limited(name(0)).Rate, p.Limited(name(modules-1)).Rate)
	}
}
