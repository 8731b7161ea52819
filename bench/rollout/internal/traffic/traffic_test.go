package traffic_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/segue-run/segue/bench/rollout/internal/traffic"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func take(cfg traffic.Config, seed uint64, n int) []traffic.Request {
	s := traffic.New(cfg, rand.New(rand.NewPCG(seed, 0)))
	var all []traffic.Request
	for range n {
		all = append(all, s.Next())
	}
	return all
}

func TestASeedGivesTheSameRequests(t *testing.T) {
	cfg := traffic.Config{Rate: 100, Shape: traffic.Bursts(0.05), Keys: 50}
	if !slices.Equal(take(cfg, 1, 1000), take(cfg, 1, 1000)) {
		t.Error("one seed gave two streams")
	}
	if slices.Equal(take(cfg, 1, 1000), take(cfg, 2, 1000)) {
		t.Error("two seeds gave one stream")
	}
}

func TestEachShapeFailsItsShare(t *testing.T) {
	const share, n, streams = 0.05, 10000, 50
	for name, shape := range map[string]traffic.Shape{
		"even": traffic.Even(share), "bursts": traffic.Bursts(share), "counted": traffic.Counted(share),
		"clocked": traffic.Clocked(share), "users": traffic.Users(share),
		"outage": traffic.Outage(traffic.Even(0.04), 1, time.Second, 10*time.Second), // 100 of 10,000
	} {
		failed := 0
		for seed := range uint64(streams) {
			for _, r := range take(traffic.Config{Rate: 100, Shape: shape, Keys: 2000}, seed, n) {
				if r.Fails {
					failed++
				}
			}
		}
		if got := float64(failed) / n / streams; math.Abs(got-share) > 0.012 {
			t.Errorf("%s: %.4f fail, want %.2f", name, got, share)
		}
	}
}

func TestNothingFailsWhereNothingShould(t *testing.T) {
	for _, shape := range []traffic.Shape{nil, traffic.Even(0), traffic.Counted(0), traffic.Bursts(0), traffic.Clocked(0), traffic.Users(0)} {
		for _, r := range take(traffic.Config{Rate: 100, Shape: shape, Keys: 10}, 1, 5000) {
			if r.Fails {
				t.Fatalf("request %d fails", r.Number)
			}
		}
	}
}

func TestSomeUsersAskMoreThanOthersAndAllDo(t *testing.T) {
	asked := make([]int, 100)
	for _, r := range take(traffic.Config{Rate: 100, Keys: len(asked)}, 1, 100000) {
		asked[r.Key]++
	}
	if slices.Min(asked) == 0 || asked[0] < 20*asked[99] {
		t.Errorf("the first asked %d times, the last %d, the least %d", asked[0], asked[99], slices.Min(asked))
	}
}

func TestWaitsHaveTheirMedianAndTail(t *testing.T) {
	wait := traffic.Wait{Median: 20 * time.Millisecond, P99: 100 * time.Millisecond}
	for _, c := range []struct{ wait, want traffic.Wait }{
		{wait, wait},
		{wait.Slower(2), traffic.Wait{Median: 40 * time.Millisecond, P99: 200 * time.Millisecond}},
		{wait.LongerTail(2), traffic.Wait{Median: 20 * time.Millisecond, P99: 200 * time.Millisecond}},
	} {
		draw := rand.New(rand.NewPCG(1, 1))
		var all []time.Duration
		for range 100000 {
			all = append(all, c.wait.Draw(draw))
		}
		slices.Sort(all)
		for got, want := range map[time.Duration]time.Duration{all[50000]: c.want.Median, all[99000]: c.want.P99} {
			if math.Abs(float64(got-want)) > 0.05*float64(want) {
				t.Errorf("drew %s, want %s", got, want)
			}
		}
	}
}
