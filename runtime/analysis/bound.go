package analysis

import "math"

// surprise is how much the counts speak against a share of p: the logarithm of
// Robbins' mixture over all shares (by Jeffreys' prior) to the likelihood of p. For
// the true p its exponential is an e-process.
func surprise(c count, marginal, p float64) float64 {
	bad, good := float64(c.bad), float64(c.requests-c.bad)
	return marginal - times(bad, math.Log(p)) - times(good, math.Log1p(-p))
}

func marginal(c count) float64 {
	bad, good := float64(c.bad), float64(c.requests-c.bad)
	return logGamma(bad+0.5) + logGamma(good+0.5) - logGamma(bad+good+1) - math.Log(math.Pi)
}

func logGamma(x float64) float64 {
	l, _ := math.Lgamma(x)
	return l
}

// upper is what the true share does not exceed, at any time, but for a chance of
// exp(-level).
func upper(c count, level float64) float64 {
	return boundary(c, level, 1)
}

// lower is what the true share does not fall below, at any time, but for a chance of
// exp(-level).
func lower(c count, level float64) float64 {
	return boundary(c, level, 0)
}

// boundary looks for the share between the one seen and the end at which the counts
// become too surprising.
func boundary(c count, level, end float64) float64 {
	if c.requests == 0 {
		return end
	}
	m := marginal(c)
	in, out := c.share(), end
	for range 40 {
		mid := (in + out) / 2
		if surprise(c, m, mid) < level {
			in = mid
		} else {
			out = mid
		}
	}
	return out
}
