package balance_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

func setDoor(t *testing.T, g *balance.Group, d balance.Door) {
	t.Helper()
	if err := g.SetDoor(d); err != nil {
		t.Fatal(err)
	}
}

func TestMaintenanceRefusesWithWhatTheOperatorSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, all(newTarget("1")))
		inFlight := take(t, g, request())
		for _, c := range []struct {
			door balance.Door
			want time.Duration
		}{
			{balance.Door{Message: "back at noon"}, 0},
			{balance.Door{Message: "back at noon", RetryAfter: time.Minute, Until: time.Now().Add(time.Hour)}, time.Minute},
			{balance.Door{Message: "back at noon", Until: time.Now().Add(time.Hour)}, time.Hour},
			{balance.Door{Message: "back at noon", Until: time.Now().Add(-time.Hour)}, 0},
		} {
			c.door.State = balance.DoorMaintenance
			setDoor(t, g, c.door)
			_, err := g.Pick(t.Context(), request())
			if closed, is := errors.AsType[*proxy.MaintenanceError](err); !is || *closed != (proxy.MaintenanceError{Module: "m", Message: "back at noon", RetryAfter: c.want}) {
				t.Errorf("got %+v, want %s", err, c.want)
			}
		}
		again, err := g.Pick(t.Context(), &proxy.Request{Failed: only(newTarget("3")), Cancel: func(error) {}})
		if err != nil {
			t.Errorf("one that had come in is shut out: %v", err)
		}
		again.Done(ok)
		if s := g.Stats(); s.Door != balance.DoorMaintenance || s.Closed != 4 || s.Refused != 0 {
			t.Errorf("%+v", s)
		}
		setDoor(t, g, balance.Door{})
		pick(t, g)
		inFlight.Done(ok)
	})
}

func TestWhoAsksForThePreviewPassesMaintenance(t *testing.T) {
	g := newGroup(t)
	split(t, g, balance.Split{Shares: []balance.Share{all(newTarget("1"))}, Preview: balance.Preview{Release: newTarget("2"), Host: "p.example"}})
	setDoor(t, g, balance.Door{State: balance.DoorMaintenance})
	l := take(t, g, &proxy.Request{Host: "p.example"})
	if version(l) != "2" {
		t.Errorf("went to %s", version(l))
	}
	l.Done(ok)
}

func TestHeldRequestsComeInAsTheyCameWhenTheDoorOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := queued("1", 1, balance.Queue{Length: 10})
		g := newGroup(t, all(r))
		setDoor(t, g, balance.Door{State: balance.DoorHeld, MaxHeld: 3})
		var held []*asked
		for range 3 {
			held = append(held, ask(t.Context(), g, request()))
		}
		over := ask(t.Context(), g, request())
		if none, is := errors.AsType[*proxy.NoTargetError](over.err); !is || !none.QueueFull || none.OverQuota || none.RetryAfter != time.Second {
			t.Errorf("got %v", over.err)
		}
		if s := g.Stats(); s.Door != balance.DoorHeld || s.Held != 3 || s.EverHeld != 3 || s.Refused != 1 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
		time.Sleep(10 * time.Second)
		setDoor(t, g, balance.Door{State: balance.DoorHeld, MaxHeld: 1})
		synctest.Wait()
		if s := g.Stats(); s.Held != 3 || g.Door().MaxHeld != 1 {
			t.Errorf("held anew: %+v", s)
		}
		setDoor(t, g, balance.Door{State: balance.DoorOpen})
		for i := range held {
			synctest.Wait()
			at := slices.IndexFunc(held, func(a *asked) bool { return a.done })
			if at < 0 || held[at].err != nil || held[at].after != 10*time.Second {
				t.Fatalf("request %d was not let in: %+v", i, held)
			}
			held[at].lease.Done(ok)
			held = slices.Delete(held, at, at+1)
		}
		if s := g.Stats(); s.Held != 0 || s.Refused != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestARequestIsHeldNoLongerThanItMayBe(t *testing.T) {
	for name, c := range map[string]struct {
		door  balance.Door
		until time.Duration // from now
		held  time.Duration
		told  time.Duration
	}{
		"by default":            {balance.Door{}, 0, 30 * time.Second, time.Second},
		"a time of its own":     {balance.Door{MaxWait: time.Minute, RetryAfter: 5 * time.Second}, 0, time.Minute, 5 * time.Second},
		"until far":             {balance.Door{}, time.Hour, 30 * time.Second, time.Hour - 30*time.Second},
		"until near":            {balance.Door{}, 7 * time.Second, 7 * time.Second, time.Second},
		"it should have opened": {balance.Door{}, -time.Hour, 0, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newGroup(t, all(newTarget("1")))
			c.door.State = balance.DoorHeld
			if c.until != 0 {
				c.door.Until = time.Now().Add(c.until)
			}
			setDoor(t, g, c.door)
			began := time.Now()
			_, err := g.Pick(t.Context(), request())
			none, is := errors.AsType[*proxy.NoTargetError](err)
			if !is || none.QueueFull || time.Since(began) != c.held || none.RetryAfter != c.told {
				t.Errorf("%s: got %+v after %s", name, err, time.Since(began))
			}
		})
	}
}

func TestAHeldRequestEndsWithItsClientOrWithMaintenance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, all(newTarget("1")))
		setDoor(t, g, balance.Door{State: balance.DoorHeld})
		ctx, cancel := context.WithCancelCause(t.Context())
		gone, stays := ask(ctx, g, request()), ask(t.Context(), g, request())
		cancel(proxy.ErrTimeout)
		synctest.Wait()
		if !errors.Is(gone.err, proxy.ErrTimeout) || stays.done {
			t.Errorf("got %v", gone.err)
		}
		setDoor(t, g, balance.Door{State: balance.DoorMaintenance, Message: "no"})
		synctest.Wait()
		if closed, is := errors.AsType[*proxy.MaintenanceError](stays.err); !is || closed.Message != "no" {
			t.Errorf("got %v", stays.err)
		}
		if n := g.Stats().Held; n != 0 {
			t.Errorf("%d are held", n)
		}
	})
}

func TestADoorThatCannotBeIsRefused(t *testing.T) {
	g := newGroup(t, all(newTarget("1")))
	for _, d := range []balance.Door{{State: "ajar"}, {MaxHeld: -1}, {MaxWait: -1}, {RetryAfter: -1}} {
		if err := g.SetDoor(d); err == nil {
			t.Errorf("%+v is accepted", d)
		}
	}
	if s := g.Door().State; s != balance.DoorOpen {
		t.Errorf("the door is %s", s)
	}
}

func TestADoorThatOpensMeanwhileHoldsNobody(t *testing.T) {
	g := newGroup(t, all(newTarget("1")))
	for range 5000 {
		setDoor(t, g, balance.Door{State: balance.DoorHeld, MaxWait: 10 * time.Second})
		opened := make(chan error)
		go func() { opened <- g.SetDoor(balance.Door{}) }()
		pick(t, g)
		if err := <-opened; err != nil {
			t.Fatal(err)
		}
	}
}
