package balance_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

func TestWhileASideOfTheRolloutIsMissingNothingIsEvidence(t *testing.T) {
	for _, c := range []struct {
		name   string
		shares func(stable, candidate *balance.Release) []balance.Share
	}{
		{"stable", func(_, candidate *balance.Release) []balance.Share {
			return []balance.Share{{Release: candidate, Weight: 2500}}
		}},
		{"the candidate", func(stable, _ *balance.Release) []balance.Share {
			return []balance.Share{{Release: stable, Weight: balance.Full, Stable: true}}
		}},
	} {
		for _, partial := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, partial %t", c.name, partial), func(t *testing.T) {
				stable, ofStable := watched("1")
				candidate, ofCandidate := watched("2")
				g := balance.NewGroup(balance.GroupConfig{Module: "m", MaxWait: time.Millisecond})
				split(t, g, balance.Split{Rollout: "r", Partial: partial, Shares: c.shares(stable, candidate)})
				for range 40 {
					l, err := g.Pick(t.Context(), &proxy.Request{Header: http.Header{}, Cancel: func(error) {}})
					if err != nil {
						continue // stable's waits for it
					}
					l.Sent(time.Now())
					if n := stable.Overdue(-time.Hour) + candidate.Overdue(-time.Hour); n == 0 != partial {
						t.Errorf("%d overdue", n)
					}
					l.Done(failed)
				}
				seen := append(*ofStable, *ofCandidate...)
				if len(seen) == 0 {
					t.Fatal("no request was served")
				}
				for _, o := range seen {
					if o.Dealt == partial {
						t.Fatalf("dealt: %t", o.Dealt)
					}
				}
			})
		}
	}
}

func TestWhoeverIsAnsweredIsNotOverdueWhateverComesBetween(t *testing.T) {
	a, b := newTarget("1"), newTarget("2")
	g := balance.NewGroup(balance.GroupConfig{Module: "m"})
	split(t, g, balance.Split{Rollout: "r", Shares: []balance.Share{{Release: a, Weight: 5000, Stable: true}, {Release: b, Weight: 5000}}})
	overdue := func() int { return a.Overdue(-time.Hour) + b.Overdue(-time.Hour) }
	var wg sync.WaitGroup
	var hanging [8][]*balance.Lease
	for i := range hanging {
		wg.Go(func() {
			for n := range 300 {
				l := take(t, g, &proxy.Request{})
				l.Sent(time.Now())
				switch n % 3 {
				case 0:
					l.Answered(proxy.Answer{Header: http.Header{}})
					l.Answered(proxy.Answer{Header: http.Header{}})
					l.Done(ok)
				case 1:
					l.Done(failed)
				case 2:
					hanging[i] = append(hanging[i], l)
				}
				overdue()
			}
		})
	}
	wg.Wait()
	for left := 800; ; left -= 100 {
		if n := overdue(); n != left {
			t.Fatalf("%d are overdue, not %d", n, left)
		}
		if left == 0 {
			break
		}
		for _, l := range hanging[left/100-1] {
			l.Answered(proxy.Answer{Header: http.Header{}})
		}
	}
	for _, some := range hanging {
		for _, l := range some {
			l.Done(ok)
		}
	}
}

// What is open and answered, or is of no rollout, costs a look at what is overdue nothing.
func BenchmarkOverdueBesideManyThatAreOpen(b *testing.B) {
	target := newTarget("1")
	g := newGroup(b, all(target))
	var open []*balance.Lease
	for range 50_000 {
		open = append(open, take(b, g, &proxy.Request{}))
	}
	split(b, g, balance.Split{Rollout: "r", Shares: []balance.Share{all(target)}})
	for range 50_000 {
		l := take(b, g, &proxy.Request{})
		l.Answered(proxy.Answer{Header: http.Header{}})
		open = append(open, l)
	}
	for b.Loop() {
		if n := target.Overdue(0); n != 0 {
			b.Fatalf("%d are overdue", n)
		}
	}
	for _, l := range open {
		l.Done(ok)
	}
}
