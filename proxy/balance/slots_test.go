package balance_test

import (
	"math"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/proxy/balance"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// spread is how far the share index strays from its due over any window of n
// draws, times Full. Over the requests from a to b a share of weight w got
// d(b)−d(a) more than its due, where d(t) = got(t) − t·w/Full; so the worst window of
// all is from d's least value to its greatest.
func spread(slots *balance.Slots, index, weight, n int) int {
	d, least, most := 0, 0, 0
	for range n {
		d -= weight
		if slots.Next() == index {
			d += balance.Full
		}
		least, most = min(least, d), max(most, d)
	}
	return most - least
}

func TestEveryWeightIsExactOverEveryWindow(t *testing.T) {
	for weight := 1; weight < balance.Full; weight += weightStride {
		slots := balance.NewSlots(balance.Full-weight, weight)
		smaller := min(weight, balance.Full-weight)
		bound := 2*balance.Full - smaller // two less the share's weight
		if got := spread(slots, 1, weight, balance.Full+balance.Full/4); got >= bound {
			t.Fatalf("weight %d: a window strays by %d/%d, the bound is %d", weight, got, balance.Full, bound)
		}
	}
}

func TestAnyHundredRequestsAtAQuarterHold25GiveOrTakeOne(t *testing.T) {
	for range 20 {
		slots := balance.NewSlots(7500, 2500)
		var got []int
		for range 3000 {
			got = append(got, slots.Next())
		}
		for start := range len(got) - 100 {
			n := 0
			for _, i := range got[start : start+100] {
				n += i
			}
			if n < 24 || n > 26 {
				t.Fatalf("requests %d to %d: %d for the candidate", start, start+99, n)
			}
		}
	}
}

func TestAWholeCycleHoldsExactlyTheWeights(t *testing.T) {
	for _, weights := range [][]int{{10000}, {0, 10000}, {9999, 1}, {9950, 50}, {9900, 100}, {6667, 3333}, {2500, 7500},
		{100, 9900}, {5000, 5000}, {0, 3000, 7000}, {2000, 3000, 5000}, {3334, 3333, 3333}, {1, 2, 4, 9993}} {
		slots := balance.NewSlots(weights...)
		for range 3 {
			got := make([]int, len(weights))
			for range balance.Full {
				got[slots.Next()]++
			}
			// Only the first cut of several is aligned with the cycle.
			if len(weights) <= 2 && !slices.Equal(got, weights) {
				t.Errorf("weights %v: got %v", weights, got)
			}
		}
	}
}

func TestManySharesStrayByNoMoreThanTheirNumberAllows(t *testing.T) {
	for _, weights := range [][]int{{2000, 3000, 5000}, {3334, 3333, 3333}, {1, 2, 9997}, {100, 900, 4000, 5000}, {10, 10, 10, 9970}} {
		bound := 2 * (len(weights) - 1) * balance.Full
		for index, weight := range weights {
			if got := spread(balance.NewSlots(weights...), index, weight, 5*balance.Full); got > bound {
				t.Errorf("weights %v: share %d strays by %d, the bound is %d", weights, index, got, bound)
			}
		}
	}
}

func TestThePlaceInTheBlockIsRandom(t *testing.T) {
	const block, rounds = 20, 40000
	slots := balance.NewSlots(balance.Full-balance.Full/block, balance.Full/block)
	var places [block]int
	same, last := 0, -1
	for range rounds {
		place := -1
		for i := range block {
			if slots.Next() == 1 {
				place = i
			}
		}
		places[place]++
		if place == last {
			same++
		}
		last = place
	}
	// Each place, and each repetition, is due rounds/block times; six standard
	// deviations happen once in 500 million.
	due := float64(rounds) / block
	for place, n := range append(places[:], same) {
		if math.Abs(float64(n)-due) > 6*math.Sqrt(due) {
			t.Errorf("place %d: %d times, due %.0f", place, n, due)
		}
	}
	if a, b := draws(balance.NewSlots(5000, 5000)), draws(balance.NewSlots(5000, 5000)); slices.Equal(a, b) {
		t.Error("two slots drew the same")
	}
}

func draws(slots *balance.Slots) (got []int) {
	for range 200 {
		got = append(got, slots.Next())
	}
	return got
}

func TestManyGoroutinesDrawExactlyTogether(t *testing.T) {
	slots := balance.NewSlots(6667, 3333)
	var wg sync.WaitGroup
	var counts [8]int
	for i := range counts {
		wg.Go(func() {
			for range balance.Full / len(counts) {
				counts[i] += slots.Next()
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	if sum != 3333 {
		t.Errorf("got %d of %d", sum, balance.Full)
	}
}

func BenchmarkSlots(b *testing.B) {
	slots := balance.NewSlots(9900, 100)
	for b.Loop() {
		slots.Next()
	}
}
