package balance_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// ward is a release whose targets a test lets fail by name.
type ward struct {
	*balance.Release
	t       *testing.T
	group   *balance.Group
	bad     map[string]proxy.Outcome // how whom fails
	changes []balance.Change
}

func newWard(t *testing.T, n int, e balance.Ejection) *ward {
	w := &ward{t: t, bad: map[string]proxy.Outcome{}}
	w.Release = several("1", n, func(cfg *balance.ReleaseConfig, _ *balance.TargetConfig) {
		cfg.Ejection = e
		cfg.Changed = func(c balance.Change) { w.changes = append(w.changes, c) }
	})
	w.group = newGroup(t, all(w.Release))
	return w
}

// ask sends n requests, one after the other, and says how many each got.
func (w *ward) ask(n int) map[string]int {
	w.t.Helper()
	got := map[string]int{}
	for range n {
		l := take(w.t, w.group, &proxy.Request{})
		who := instance(l)
		got[who]++
		o, fails := w.bad[who]
		if !fails {
			o = ok
		}
		l.Done(o)
	}
	return got
}

// end has one request of that target end with o.
func (w *ward) end(who string, o proxy.Outcome) {
	w.t.Helper()
	var others []*balance.Lease
	for range 1000 {
		l := take(w.t, w.group, &proxy.Request{})
		if instance(l) == who {
			l.Done(o)
			for _, other := range others {
				other.Done(proxy.Outcome{Class: proxy.ClassDrained})
			}
			return
		}
		others = append(others, l)
	}
	w.t.Fatalf("%s gets nothing", who)
}

func (w *ward) standing(who string) balance.Standing {
	for _, s := range w.Stats().Targets {
		if s.Labels.Instance == who {
			return s.Standing
		}
	}
	return "gone"
}

func (w *ward) want(who string, standing balance.Standing) {
	w.t.Helper()
	if got := w.standing(who); got != standing {
		w.t.Errorf("%s is %s, want %s", who, got, standing)
	}
}

func TestFailuresInARowTakeATargetOut(t *testing.T) {
	status := func(n int) proxy.Outcome { return proxy.Outcome{Class: proxy.ClassOf(n), Status: n} }
	timeout := proxy.Outcome{Class: proxy.ClassTimeout}
	for _, c := range []struct {
		name   string
		config balance.Ejection
		ends   []proxy.Outcome
		want   balance.Standing
	}{
		{"five of each kind", balance.Ejection{}, []proxy.Outcome{failed, timeout, status(502), status(503), status(504)}, balance.StandingOut},
		{"four", balance.Ejection{}, []proxy.Outcome{failed, failed, failed, failed}, balance.StandingTrusted},
		{"a success between", balance.Ejection{}, []proxy.Outcome{failed, failed, failed, ok, failed, failed}, balance.StandingTrusted},
		{"an answer of the module's between", balance.Ejection{}, []proxy.Outcome{failed, failed, failed, status(500), failed, failed}, balance.StandingTrusted},
		{"a client that goes between", balance.Ejection{}, []proxy.Outcome{failed, failed, failed, {Class: proxy.ClassClientGone}, {Class: proxy.ClassHost}, failed, failed}, balance.StandingOut},
		{"the module's own failures", balance.Ejection{}, []proxy.Outcome{status(500), status(500), status(500), status(500), status(500)}, balance.StandingTrusted},
		{"these, where they count", balance.Ejection{Any: true}, []proxy.Outcome{status(500), status(500), status(500), status(501), status(500)}, balance.StandingOut},
		{"what the client did wrong", balance.Ejection{Any: true}, []proxy.Outcome{status(400), status(404), status(400), status(400), status(400)}, balance.StandingTrusted},
		{"two, where two count", balance.Ejection{Failures: 2}, []proxy.Outcome{failed, failed}, balance.StandingOut},
		{"where it is off", balance.Ejection{Off: true}, []proxy.Outcome{failed, failed, failed, failed, failed, failed}, balance.StandingTrusted},
	} {
		w := newWard(t, 3, c.config)
		for _, o := range c.ends {
			w.end("i1", o)
		}
		if got := w.standing("i1"); got != c.want {
			t.Errorf("%s: it is %s", c.name, got)
		}
		if got := w.ask(30)["i1"]; got == 0 != (c.want == balance.StandingOut) {
			t.Errorf("%s: it gets %d of 30", c.name, got)
		}
	}
}

func TestATargetReturnsAfterATimeThatDoublesAndIsTrustedForItsSuccesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t, 2, balance.Ejection{First: time.Second, Most: 3 * time.Second, Trust: 10})
		out := func(want time.Duration, why string) {
			t.Helper()
			w.want("i0", balance.StandingOut)
			if c := w.changes[len(w.changes)-1]; !c.Out || c.For != want || c.Reason != why || c.Target != w.Targets()[0] {
				t.Errorf("told %+v, want %s", c, want)
			}
			time.Sleep(want - time.Millisecond)
			if n := w.ask(20)["i0"]; n != 0 {
				t.Errorf("it got %d before its time", n)
			}
			time.Sleep(time.Millisecond)
			w.ask(1) // whoever asks first lets it return
			w.want("i0", balance.StandingReturning)
			time.Sleep(20 * time.Second) // past its slow start
		}
		for range 5 {
			w.end("i0", failed)
		}
		began := time.Now()
		out(time.Second, balance.EjectedFailures)
		if s := w.Stats().Targets[0]; s.Reason != balance.EjectedFailures || s.Until.Sub(began) != time.Second {
			t.Errorf("it is back until %v: %q", s.Until.Sub(began), s.Reason)
		}
		w.end("i0", failed)
		out(2*time.Second, balance.EjectedReturn)
		for range 8 {
			w.end("i0", ok)
		}
		w.end("i0", failed)
		out(3*time.Second, balance.EjectedReturn)
		for range 12 {
			w.end("i0", ok)
		}
		w.want("i0", balance.StandingTrusted)
		if s := w.Stats().Targets[0]; s.Reason != "" || !s.Until.IsZero() {
			t.Errorf("it is trusted, and out until %v: %q", s.Until, s.Reason)
		}
		if c := w.changes[len(w.changes)-1]; c.Out || c.Target != w.Targets()[0] {
			t.Errorf("told %+v", c)
		}
		for range 4 {
			w.end("i0", failed)
		}
		w.want("i0", balance.StandingTrusted)
		w.end("i0", failed)
		out(3*time.Second, balance.EjectedFailures) // it was not trusted for long
		for range 12 {
			w.end("i0", ok)
		}
		time.Sleep(31 * time.Second)
		for range 5 {
			w.end("i0", failed)
		}
		out(time.Second, balance.EjectedFailures)
		if n := w.Stats().Targets[0].Ejected; n != 5 || len(w.changes) != 7 {
			t.Errorf("it was out %d times, and %d changes were told", n, len(w.changes))
		}
	})
}

func TestAtMostHalfOfTheTargetsAreOutAndNeverTheLast(t *testing.T) {
	for _, c := range []struct{ targets, percent, want int }{
		{1, 50, 0}, {2, 50, 1}, {3, 50, 1}, {4, 50, 2}, {5, 50, 2}, {4, 25, 1}, {4, 100, 3}, {2, 40, 0},
	} {
		w := newWard(t, c.targets, balance.Ejection{MostOut: c.percent * 100})
		for _, target := range w.Targets() {
			w.bad[target.Labels().Instance] = failed
		}
		w.ask(50 * c.targets)
		out := 0
		for _, s := range w.Stats().Targets {
			if s.Standing == balance.StandingOut {
				out++
			}
		}
		if out != c.want {
			t.Errorf("of %d targets, and at most %d %%: %d are out, want %d", c.targets, c.percent, out, c.want)
		}
	}
}

func TestTargetsThatAreDownAreNoReasonToTakeOutTheOthers(t *testing.T) {
	w := newWard(t, 3, balance.Ejection{})
	w.Targets()[1].Down()
	w.Targets()[2].Down()
	w.bad["i0"] = failed
	w.ask(20)
	w.want("i0", balance.StandingTrusted)
}

func TestATargetThatIsOutServesWhereNoOtherIsUp(t *testing.T) {
	w := newWard(t, 2, balance.Ejection{})
	for range 5 {
		w.end("i0", failed)
	}
	if got := w.ask(10); got["i1"] != 10 {
		t.Errorf("got %v", got)
	}
	w.Targets()[1].Down()
	if got := w.ask(10); got["i0"] != 10 {
		t.Errorf("got %v", got)
	}
}

func TestATargetThatFailsFarMoreThanItsSiblingsIsTakenOut(t *testing.T) {
	own := proxy.Outcome{Class: proxy.ClassServerError, Status: 500} // never counts in a row
	for _, c := range []struct {
		name    string
		bad     int // in a hundred, of i0
		all     int // and of each
		targets int
		want    balance.Standing
	}{
		{"half of its own", 50, 0, 3, balance.StandingOut},
		{"a tenth", 10, 0, 3, balance.StandingTrusted},
		{"half of everybody's", 50, 50, 3, balance.StandingTrusted},
		{"all of its own, beside a tenth", 100, 10, 2, balance.StandingOut},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWard(t, c.targets, balance.Ejection{})
			draw := rand.New(rand.NewPCG(1, 2))
			for range 600 {
				time.Sleep(10 * time.Millisecond)
				l := take(t, w.group, &proxy.Request{})
				often := c.all
				if instance(l) == "i0" {
					often = c.bad
				}
				if draw.IntN(100) < often {
					l.Done(own)
				} else {
					l.Done(ok)
				}
				if len(w.changes) > 0 {
					break
				}
			}
			w.want("i0", c.want)
			if c.want == balance.StandingOut && w.changes[0].Reason != balance.EjectedShare {
				t.Errorf("%s: told %+v", c.name, w.changes)
			}
			if len(w.changes) > 0 && w.changes[0].Target != w.Targets()[0] {
				t.Errorf("%s: %s is out", c.name, w.changes[0].Target.Labels().Instance)
			}
		})
	}
}

func TestWhatWasBeforeATargetWasOutIsForgottenWhenItReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := proxy.Outcome{Class: proxy.ClassServerError, Status: 500}
		w := newWard(t, 2, balance.Ejection{Window: time.Hour, First: time.Second})
		w.bad["i0"] = own
		w.ask(100)
		w.want("i0", balance.StandingOut)
		delete(w.bad, "i0")
		time.Sleep(time.Second)
		w.ask(1)
		time.Sleep(time.Minute)
		w.ask(60)
		w.end("i0", own)
		w.want("i0", balance.StandingTrusted)
	})
}

func TestFewRequestsAreNoMeasure(t *testing.T) {
	w := newWard(t, 2, balance.Ejection{})
	w.bad["i0"] = proxy.Outcome{Class: proxy.ClassServerError, Status: 500}
	w.ask(38)
	w.want("i0", balance.StandingTrusted)
	w.ask(4)
	w.want("i0", balance.StandingOut)
}

// A target that never recovers costs ever fewer requests, and one that fails now and then
// is not taken out for it.
func TestEjectionHasHysteresis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t, 3, balance.Ejection{})
		w.bad["i0"] = failed
		lost := map[string]int{}
		for range 3600 {
			time.Sleep(time.Second)
			for who, n := range w.ask(10) {
				lost[who] += n
			}
		}
		// 10 s, 20, 40, 80, 160, and 300 from then on: 16 times in an hour.
		if n := w.Stats().Targets[0].Ejected; n < 14 || n > 17 || lost["i0"] > 5+17 {
			t.Errorf("it was taken out %d times in an hour, and got %d requests of 36000", n, lost["i0"])
		}
	})
	w := newWard(t, 3, balance.Ejection{Window: time.Hour})
	draw := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		l := take(t, w.group, &proxy.Request{})
		if draw.IntN(100) < 3 {
			l.Done(failed)
		} else {
			l.Done(ok)
		}
	}
	if len(w.changes) != 0 {
		t.Errorf("at 3 %% failures everywhere: %+v", w.changes)
	}
}

func TestARemovedTargetIsNotReckonedWith(t *testing.T) {
	w := newWard(t, 2, balance.Ejection{})
	held := take(t, w.group, request())
	for instance(held) != "i0" {
		held = take(t, w.group, request())
	}
	for range 5 {
		w.end("i0", failed)
	}
	w.Remove(w.Targets()[0])
	held.Done(failed)
	w.Add(balance.TargetConfig{Instance: "i2"})
	for range 5 {
		w.end("i2", failed)
	}
	w.want("i2", balance.StandingOut)
	if who := slices.Collect(func(yield func(string) bool) {
		for _, c := range w.changes {
			yield(c.Target.Labels().Instance)
		}
	}); !slices.Equal(who, []string{"i0", "i2"}) {
		t.Errorf("out were %v", who)
	}
}

func TestTheCountOfEjectionsStaysWhenTheTargetIsRemoved(t *testing.T) {
	w := newWard(t, 3, balance.Ejection{})
	for _, who := range []string{"i0", "i1"} {
		for range 5 {
			w.end(who, failed)
		}
		w.Remove(w.Targets()[0])
	}
	if s := w.Stats(); s.Ejected != 2 || len(s.Targets) != 1 || s.Targets[0].Ejected != 0 {
		t.Errorf("%d ejections: %+v", s.Ejected, s.Targets)
	}
}
