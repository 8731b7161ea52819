package balance_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// bounded is a target that may have so many requests in flight.
func bounded(version string, most int) *balance.Release {
	return single(balance.ReleaseConfig{Labels: proxy.Labels{Module: "m", Version: version}}, balance.TargetConfig{Most: most})
}

// wantFull wants the next request to be refused at once, for lack of room.
func wantFull(t *testing.T, g *balance.Group, r *proxy.Request) {
	t.Helper()
	began := time.Now() // in a bubble no time passes but by waiting
	_, err := g.Pick(t.Context(), r)
	none, ok := errors.AsType[*proxy.NoTargetError](err)
	if !ok || !none.OverQuota || none.Preview || none.QueueFull || none.Module != "m" || none.RetryAfter != time.Second {
		t.Errorf("got %v (%+v)", err, none)
	}
	if !time.Now().Equal(began) {
		t.Error("it was made to wait")
	}
}

func TestStableWithAsManyRequestsAsItMayHaveRefusesMoreAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := bounded("1", 2)
		g := newGroup(t, all(a))
		first, second := take(t, g, request()), take(t, g, request())
		wantFull(t, g, request())
		wantFull(t, g, request())
		if stats := a.Stats(); stats.Refused != 2 || stats.InFlight != 2 || stats.Requests != 0 || g.Stats().Refused != 2 {
			t.Errorf("%+v, %+v", stats, g.Stats())
		}
		first.Done(ok)
		third := take(t, g, request())
		wantFull(t, g, request())
		second.Done(ok)
		third.Done(ok)
		if stats := a.Stats(); stats.Failed() != 0 || stats.Requests != 3 {
			t.Errorf("what was refused counts: %+v", stats)
		}
	})
}

func TestEachRequestThatHasNoRoomIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var target *balance.Release
		var told []uint64
		target = single(balance.ReleaseConfig{Labels: proxy.Labels{Module: "m"}}, balance.TargetConfig{Most: 1, Refuse: func() {
			told = append(told, target.Stats().Refused) // which takes the target's lock
		}})
		g := newGroup(t, all(target), balance.Share{Release: newDown("2"), Stable: true})
		held := take(t, g, request())
		wantFull(t, g, request())
		wantFull(t, g, request())
		held.Done(ok)
		take(t, g, request()).Done(ok)
		if !slices.Equal(told, []uint64{1, 2}) {
			t.Errorf("told with so many refused: %v", told)
		}
	})
}

// newDown is a target that takes no requests any more.
func newDown(version string) *balance.Release {
	target := newTarget(version)
	target.Down()
	return target
}

func TestACandidateWithAsManyRequestsAsItMayHaveGivesMoreToStable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, seen := watched("1")
		b := bounded("2", 1)
		g := newGroup(t)
		split(t, g, balance.Split{Rollout: "r", Shares: []balance.Share{{Release: a, Stable: true}, {Release: b, Weight: balance.Full}}})
		first := take(t, g, request())
		spilled := take(t, g, request())
		if version(first) != "2" || version(spilled) != "1" {
			t.Errorf("got %s and %s", version(first), version(spilled))
		}
		spilled.Done(ok)
		if b.Stats().Refused != 1 || a.Stats().Refused != 0 || g.Stats().Spilled != 1 || g.Stats().Refused != 0 {
			t.Errorf("refused %d and %d: %+v", b.Stats().Refused, a.Stats().Refused, g.Stats())
		}
		if len(*seen) != 1 || (*seen)[0].Dealt {
			t.Errorf("what it had no room for is evidence: %+v", *seen)
		}
		first.Done(ok)
		again := take(t, g, request())
		if version(again) != "2" {
			t.Errorf("with room again it went to %s", version(again))
		}
		again.Done(ok)
	})
}

// What the others get while one has no room is not what chance gave them.
func TestNothingIsEvidenceWhileASideHasNoRoom(t *testing.T) {
	a, seen := watched("1")
	b := bounded("2", 1)
	g := newGroup(t)
	split(t, g, balance.Split{Rollout: "r", Shares: []balance.Share{{Release: a, Weight: 5000, Stable: true}, {Release: b, Weight: 5000}}})
	var held *balance.Lease
	for held == nil {
		if l := take(t, g, request()); version(l) == "2" {
			held = l
		} else {
			l.Done(ok)
		}
	}
	before := len(*seen)
	for range 20 {
		take(t, g, request()).Done(ok)
	}
	for _, o := range (*seen)[before:] {
		if o.Dealt {
			t.Fatal("a request counts that could not have gone to the other side")
		}
	}
	held.Done(ok)
}

func TestWhatACandidateHasNoRoomForWaitsForStableWhereThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bounded("2", 1)
		g := newGroup(t, balance.Share{Release: b, Weight: balance.Full})
		held := take(t, g, request())
		back := newTarget("1")
		time.AfterFunc(time.Second, func() {
			apply(t, g, balance.Share{Release: b, Weight: balance.Full}, balance.Share{Release: back, Stable: true})
		})
		l := take(t, g, request())
		if version(l) != "1" {
			t.Errorf("it went to %s", version(l))
		}
		l.Done(ok)
		held.Done(ok)
	})
}

func TestAPreviewWithoutRoomSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newTarget("1"), bounded("2", 1)
		g := newGroup(t)
		split(t, g, balance.Split{Shares: []balance.Share{all(a)}, Preview: balance.Preview{Release: b, Host: "p.example"}})
		held := take(t, g, &proxy.Request{Host: "p.example"})
		wantFull(t, g, &proxy.Request{Host: "p.example", Cancel: func(error) {}})
		held.Done(ok)
	})
}
