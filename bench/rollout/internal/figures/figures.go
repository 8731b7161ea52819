package figures

import (
	"cmp"
	"math"
	"slices"
)

// Share is how many of all runs had some ending.
type Share struct{ Had, Of int }

// Rate is the share itself, 0 to 1; 0 of no runs.
func (s Share) Rate() float64 {
	if s.Of == 0 {
		return 0
	}
	return float64(s.Had) / float64(s.Of)
}

// Below is the exact (Clopper and Pearson's) upper bound of the true share: it is
// under that with the confidence, 0 to 1.
func (s Share) Below(confidence float64) float64 {
	if s.Had >= s.Of {
		return 1
	}
	return solve(func(p float64) bool { return atMost(s.Had, s.Of, p) > 1-confidence })
}

// Above is the exact lower bound.
func (s Share) Above(confidence float64) float64 {
	if s.Had == 0 {
		return 0
	}
	return solve(func(p float64) bool { return 1-atMost(s.Had-1, s.Of, p) < 1-confidence })
}

// solve is the p up to which too small holds.
func solve(tooSmall func(p float64) bool) float64 {
	low, high := 0.0, 1.0
	for range 60 {
		if middle := (low + high) / 2; tooSmall(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// atMost is the chance of at most k successes in n trials.
func atMost(k, n int, p float64) float64 {
	if p <= 0 {
		return 1
	}
	if p >= 1 {
		return 0
	}
	sum := 0.0
	for i := 0; i <= k; i++ {
		sum += math.Exp(choose(n, i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return min(sum, 1)
}

// choose is the logarithm of the number of ways to take k of n.
func choose(n, k int) float64 {
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x + 1)); return v }
	return lg(n) - lg(k) - lg(n-k)
}

// Sorted are values in rising order.
type Sorted[T cmp.Ordered] []T

// Sort copies the values into order.
func Sort[T cmp.Ordered](values []T) Sorted[T] {
	return slices.Sorted(slices.Values(values))
}

// Quantile is the smallest value that a share q of all, 0 to 1, does not exceed; the
// zero value where there is none.
func (s Sorted[T]) Quantile(q float64) T {
	if len(s) == 0 {
		var none T
		return none
	}
	return s[min(max(int(math.Ceil(q*float64(len(s))-1e-9))-1, 0), len(s)-1)]
}

// Within are the values between which the true quantile q lies with the confidence,
// whatever the distribution.
func (s Sorted[T]) Within(q, confidence float64) (low, high T) {
	n := len(s)
	if n == 0 {
		return low, high
	}
	tail := (1 - confidence) / 2
	first, last := 0, n-1
	for first < n-1 && atMost(first+1, n, q) <= tail {
		first++
	}
	for last > 0 && 1-atMost(last-1, n, q) <= tail {
		last--
	}
	return s[first], s[last]
}
