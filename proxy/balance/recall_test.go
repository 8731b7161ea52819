package balance_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// recallable is a request in flight whose engine can take it back.
type recallable struct {
	*balance.Lease
	recalls atomic.Int64
}

// wait puts a request in flight and says that it was sent at this moment.
func wait(t testing.TB, g *balance.Group) *recallable {
	t.Helper()
	r := &recallable{Lease: take(t, g, &proxy.Request{Method: "GET", Path: "/"})}
	r.OnRecall(func() bool { return r.recalls.Add(1) == 1 })
	r.Sent(time.Now())
	return r
}

// rolledBack is the split without the candidate.
func rolledBack(stable *balance.Release) balance.Split {
	return balance.Split{Shares: []balance.Share{all(stable)}}
}

func TestWhatWaitsTooLongIsTakenBackAtOnceAndTheRestAfterAWhile(t *testing.T) {
	for _, c := range []struct {
		name     string
		usual    time.Duration // for stable
		patience time.Duration // a quarter more at most
	}{
		{"of a quick module", time.Millisecond, time.Second},
		{"of a slow one", 4 * time.Second, 4 * time.Second},
		{"where stable is no measure", time.Minute, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, stable, candidate := shielded(t, balance.Shield{})
				split(t, g, rolledBack(stable))
				take(t, g, &proxy.Request{}).Done(proxy.Outcome{Class: proxy.ClassOK, Status: 200, Wait: c.usual})
				split(t, g, balance.Split{Rollout: "r", Shield: &balance.Shield{}, Shares: []balance.Share{
					{Release: candidate, Weight: balance.Full}, {Release: stable, Stable: true}}})
				old := wait(t, g)
				answered := wait(t, g)
				answered.Answered(proxy.Answer{Header: http.Header{}})
				time.Sleep(c.patience * 3 / 2)
				young := wait(t, g)
				healthy := wait(t, g)
				split(t, g, rolledBack(stable))
				if old.recalls.Load() != 1 || young.recalls.Load() != 0 {
					t.Errorf("at once: the old one %d times, the young one %d", old.recalls.Load(), young.recalls.Load())
				}
				time.Sleep(c.patience - time.Millisecond)
				synctest.Wait()
				if young.recalls.Load() != 0 {
					t.Error("taken back early")
				}
				healthy.Done(ok)
				time.Sleep(c.patience / 4)
				synctest.Wait()
				for who, want := range map[*recallable]int64{old: 1, young: 1, answered: 0, healthy: 0} {
					if n := who.recalls.Load(); n != want {
						t.Errorf("taken back %d times, want %d", n, want)
					}
				}
			})
		})
	}
}

func TestWhatIsTakenBackIsStablesAndNoEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newTarget("1"), newTarget("2")
		g := balance.NewGroup(balance.GroupConfig{Module: "m"})
		split(t, g, balance.Split{Rollout: "r", Shield: &balance.Shield{}, Shares: []balance.Share{
			{Release: b, Weight: balance.Full}, {Release: a, Stable: true}}})
		l := wait(t, g)
		drained := proxy.Outcome{Class: proxy.ClassDrained}
		if l.Replay(drained) != nil {
			t.Error("replayed without having been taken back")
		}
		time.Sleep(2 * time.Second)
		split(t, g, rolledBack(a))
		replay := l.Replay(drained)
		l.Done(drained)
		if replay == nil || version(replay) != "1" || replay.Replay(failed) != nil {
			t.Fatalf("replayed on %v", replay)
		}
		replay.Done(ok)
		if s := g.Stats().Shield; s != (balance.ShieldStats{Replayed: 1, Recalled: 1, Rescued: 1}) || b.Rescued() != 1 {
			t.Errorf("%+v, %d rescued", s, b.Rescued())
		}
		if s := b.Stats(); s.Failed() != 0 || s.InFlight != 0 {
			t.Errorf("the candidate has %+v", s)
		}
		synctest.Wait()
	})
}

func TestWhatStaysIsNotTakenBack(t *testing.T) {
	other := newTarget("3")
	for name, next := range map[string]func(stable, candidate *balance.Release) balance.Split{
		"promoted": func(_, candidate *balance.Release) balance.Split { return rolledBack(candidate) },
		"narrowed": func(stable, candidate *balance.Release) balance.Split {
			return balance.Split{Rollout: "r", Shares: []balance.Share{{Release: stable, Weight: 9999, Stable: true}, {Release: candidate, Weight: 1}}}
		},
		"no stable to go to": func(_, candidate *balance.Release) balance.Split { return balance.Split{} },
		"a stable that is down": func(_, candidate *balance.Release) balance.Split {
			down := newTarget("4")
			down.Down()
			return rolledBack(down)
		},
		"a share again in between": nil,
	} {
		synctest.Test(t, func(t *testing.T) {
			g, stable, candidate := shielded(t, balance.Shield{})
			under := balance.Split{Rollout: "r", Shield: &balance.Shield{}, Shares: []balance.Share{
				{Release: candidate, Weight: balance.Full}, {Release: stable, Stable: true}}}
			l := wait(t, g)
			if next != nil {
				time.Sleep(time.Minute)
				split(t, g, next(stable, candidate))
			} else {
				split(t, g, rolledBack(other))
				split(t, g, under)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := l.recalls.Load(); n != 0 {
				t.Errorf("%s: taken back %d times", name, n)
			}
			l.Done(ok)
		})
	}
}

func TestTakingBackHasTheBudgetOfReplays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, stable, _ := shielded(t, balance.Shield{})
		var waiting []*recallable
		for range 1500 {
			waiting = append(waiting, wait(t, g))
		}
		refuses := take(t, g, &proxy.Request{Method: "GET", Path: "/"})
		refuses.OnRecall(func() bool { return false })
		time.Sleep(2 * time.Second)
		split(t, g, rolledBack(stable))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		taken := 0
		for _, l := range waiting {
			taken += int(l.recalls.Load())
			l.Done(failed)
		}
		refuses.Done(ok)
		// A thousand lie ready, and ten a second are free.
		if over := g.Stats().Shield.OverBudget; taken < 1000 || taken > 1041 || int(over) < 1500-taken || int(over) > 1501-taken {
			t.Errorf("%d taken back, %d over the budget", taken, over)
		}
	})
}

func TestAClosedGroupTakesNothingBackAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, stable, _ := shielded(t, balance.Shield{})
		l := wait(t, g)
		split(t, g, rolledBack(stable))
		g.Close()
		split(t, g, rolledBack(newTarget("3")))
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := l.recalls.Load(); n != 0 {
			t.Errorf("taken back %d times", n)
		}
		l.Done(ok)
		g.Close()
	})
}

func TestWhatCouldNotBeTakenBackIsNotReplayedAndIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, stable, _ := shielded(t, balance.Shield{})
		l := take(t, g, &proxy.Request{Method: "GET", Path: "/"})
		var asked atomic.Int64
		l.OnRecall(func() bool { return asked.Add(1) == 2 })
		l.Sent(time.Now())
		time.Sleep(5 * time.Second)
		split(t, g, rolledBack(stable))
		drained := proxy.Outcome{Class: proxy.ClassDrained}
		if asked.Load() != 1 || l.Replay(drained) != nil {
			t.Errorf("asked %d times, and replayed though it was not taken back", asked.Load())
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		replay := l.Replay(drained)
		l.Done(drained)
		if asked.Load() != 2 || replay == nil {
			t.Fatalf("asked %d times, replayed on %v", asked.Load(), replay)
		}
		replay.Done(ok)
		if s := g.Stats().Shield; s.Recalled != 1 || s.Replayed != 1 {
			t.Errorf("%+v", s)
		}
	})
}
