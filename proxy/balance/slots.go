package balance

import (
	"cmp"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// Full is the sum of a group's weights: the whole of its requests, in basis points.
const Full = 10000

// Slots deals requests out to shares exactly: not each request by a throw of dice,
// but one random request out of each block.
//
// For a share of weight w out of a total N (N = Full, at first), requests are
// numbered from 0 and cut into blocks: block k reaches from floor(k·N/w) up to
// floor((k+1)·N/w). Blocks are ⌊N/w⌋ or ⌈N/w⌉ long, and w of them cover N requests
// exactly, so no weight needs rounding. The share gets one request of each block,
// at a random place in it, so that nothing periodic in the traffic keeps step with
// the share.
//
// How exact that is: look at n requests in a row and let the share's due be
// x = n·w/N. Let the first of them lie in block i and the last in block j.
//
//   - i = j. The share got 0 or 1 of them. All are in one block, so n ≤ ⌈N/w⌉ and
//     0 < x < 1+w/N; if it got 0 then its request lies outside, n ≤ ⌈N/w⌉−1 < N/w and
//     x < 1. Either way |got − x| < 1.
//   - i < j. It got one from each of the j−i−1 blocks between, and at most one from
//     each end. For j−i+1 in all: block i+1 to block j−1 lie inside with a request on
//     either side, so n ≥ ⌊jN/w⌋ − ⌊(i+1)N/w⌋ + 2 > (j−i−1)·N/w + 1, hence
//     got − x < 2 − w/N. For j−i−1: at least one request of each end block lies
//     outside, so n ≤ ⌊(j+1)N/w⌋ − ⌊iN/w⌋ − 2 < (j−i+1)·N/w − 1, hence
//     x − got < 2 − w/N.
//
// So |got − x| < 2 − w/N for every weight and every n; and where x is whole, as for
// 25 % of 100, got is x−1, x or x+1.
//
// Shares are served smallest first, each drawing from what the ones before it left,
// and the greatest takes the rest. Of two shares the smaller one is dealt by blocks
// and the other is its complement, with the same bound. With m shares the errors
// add up: each share is within 2(m−1).
//
// Slots is safe for use by many goroutines; a draw is one atomic addition for two
// shares. "In a row" means in the order of the draws.
type Slots struct {
	cuts []cut // smallest share first
	last int   // the index of the greatest share
}

// cut takes one share out of the requests that come to it.
type cut struct {
	next   atomic.Uint64 // number of the next request
	weight uint64
	total  uint64 // weight of this share and of all after it
	seed   uint64
	index  int
}

// NewSlots makes slots for shares of these weights, which are not negative and of
// which one is positive at least.
func NewSlots(weights ...int) *Slots {
	var order []int
	total := 0
	for i, w := range weights {
		if w > 0 {
			order = append(order, i)
			total += w
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(weights[a], weights[b]) })
	s := &Slots{cuts: make([]cut, len(order)-1), last: order[len(order)-1]}
	for n, i := range order[:len(order)-1] {
		c := &s.cuts[n]
		c.weight, c.total, c.index, c.seed = uint64(weights[i]), uint64(total), i, rand.Uint64()
		total -= weights[i]
	}
	return s
}

// Next draws: the index of the share whose turn it is.
func (s *Slots) Next() int {
	for i := range s.cuts {
		if c := &s.cuts[i]; c.take() {
			return c.index
		}
	}
	return s.last
}

// take reports whether the next request is the share's one of its block. Where in
// its block that lies is a pure function of seed and block, so nothing but the
// number of the next request is shared.
func (c *cut) take() bool {
	n := c.next.Add(1) - 1
	// Every total requests the borders repeat; counting within such a cycle keeps
	// the products small.
	cycle, r := n/c.total, n%c.total
	// The block of r is the greatest k with floor(k·total/weight) ≤ r, which is to
	// say k·total < (r+1)·weight.
	k := ((r+1)*c.weight - 1) / c.total
	start := k * c.total / c.weight
	length := (k+1)*c.total/c.weight - start
	place, _ := bits.Mul64(mix(c.seed+(cycle*c.weight+k)*0x9e3779b97f4a7c15), length)
	return r == start+place
}

// mix is splitmix64's finaliser: each output bit depends on all of x.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
