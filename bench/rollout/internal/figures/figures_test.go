package figures_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/segue-run/segue/bench/rollout/internal/figures"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBoundsOfAShareAreExact(t *testing.T) {
	for _, c := range []struct {
		share        figures.Share
		above, below float64
	}{
		{figures.Share{Had: 0, Of: 300}, 0, 1 - math.Pow(0.05, 1.0/300)}, // the rule of three
		{figures.Share{Had: 300, Of: 300}, math.Pow(0.05, 1.0/300), 1},
		{figures.Share{Had: 5, Of: 10}, 0.2224, 0.7776},
		{figures.Share{Had: 72, Of: 10000}, 0.00588, 0.00875},
	} {
		above, below := c.share.Above(0.95), c.share.Below(0.95)
		if math.Abs(above-c.above) > 5e-5 || math.Abs(below-c.below) > 5e-5 {
			t.Errorf("%v is between %.5f and %.5f, want %.5f and %.5f", c.share, above, below, c.above, c.below)
		}
	}
}

func TestAQuantileLiesWithinItsBounds(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	const tries = 200
	missed := map[float64]int{}
	for range tries {
		var values []float64
		for range 100 {
			values = append(values, draw.Float64())
		}
		sorted := figures.Sort(values)
		for _, q := range []float64{0.5, 0.95} {
			if low, high := sorted.Within(q, 0.95); q < low || q > high {
				missed[q]++
			}
		}
	}
	for q, n := range missed {
		if n > tries/12 {
			t.Errorf("quantile %g was outside %d times of %d; 10 are due", q, n, tries)
		}
	}
}

func TestAQuantileIsTheValueThatTheShareDoesNotExceed(t *testing.T) {
	sorted := figures.Sort([]int{5, 3, 1, 4, 2})
	for _, c := range []struct {
		q    float64
		want int
	}{{0, 1}, {0.2, 1}, {0.5, 3}, {0.95, 5}, {1, 5}} {
		if got := sorted.Quantile(c.q); got != c.want {
			t.Errorf("quantile %g is %d, want %d", c.q, got, c.want)
		}
	}
	if got := (figures.Sorted[int]{}).Quantile(0.5); got != 0 {
		t.Errorf("quantile of nothing is %d", got)
	}
}
