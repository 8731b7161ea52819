package analysis

import (
	"math"
	"math/bits"
	"testing"

	"github.com/segue-run/segue/sdk/manifest"
)

const hair = 1e-9

// binomial is the chance of k of n where each comes with chance p.
func binomial(n, k int, p float64) float64 {
	choose := logGamma(float64(n+1)) - logGamma(float64(k+1)) - logGamma(float64(n-k+1))
	return math.Exp(choose + times(float64(k), math.Log(p)) + times(float64(n-k), math.Log1p(-p)))
}

func TestEvidenceOfOneSideIsWorthOneAtItsLimitAndLessWithinIt(t *testing.T) {
	for _, limit := range []float64{0.0001, 0.005, 0.05, 0.5, 0.999} {
		for _, n := range []int{1, 2, 7, 30, 100} {
			for _, risk := range []float64{0.1, 0.5, 0.9, 1} {
				above, under := 0.0, 0.0
				for k := range n + 1 {
					c := count{uint64(n), uint64(k)}
					above += binomial(n, k, limit*risk) * math.Exp(exceeds(c, limit))
					p := 1 - (1-limit)*risk // from the limit up
					under += binomial(n, k, p) * math.Exp(below(c, limit))
				}
				if above > 1+hair || under > 1+hair {
					t.Errorf("limit %g, %d requests, risk %g: worth %g and %g, want at most 1", limit, n, risk, above, under)
				}
				if risk == 1 && (above < 1-1e-6 || under < 1-1e-6) {
					t.Errorf("limit %g, %d requests: worth %g and %g at the limit, want 1", limit, n, above, under)
				}
			}
		}
	}
}

func TestEvidenceOfSidesIsWorthOneAtItsMarginAndLessWithinIt(t *testing.T) {
	for _, e := range []*event{failures, slowness} {
		for _, share := range []manifest.Weight{1, 100, 2500, 5000, 9999} {
			for _, n := range []int{1, 2, 7, 30} {
				for _, part := range []float64{0.1, 0.5, 1} {
					worse, same := 0.0, 0.0
					for k := range n + 1 {
						step := []Step{{Share: share, Stable: seen(e, n-k), Candidate: seen(e, k)}}
						worse += binomial(n, k, side(share, e.margin*part)) * math.Exp(e.worse.evidence(e, step))
						same += binomial(n, k, side(share, nearly/part)) * math.Exp(e.same.evidence(e, step))
					}
					if worse > 1+hair || same > 1+hair {
						t.Errorf("share %v, %d bad ones: worth %g and %g, want at most 1", share, n, worse, same)
					}
					if part == 1 && (worse < 1-1e-6 || same < 1-1e-6) {
						t.Errorf("share %v, %d bad ones: worth %g and %g at the margin, want 1", share, n, worse, same)
					}
				}
			}
		}
	}
}

// side is the chance that a bad request is the candidate's, whose risk is r times
// stable's.
func side(share manifest.Weight, r float64) float64 {
	w := part(share)
	return r * w / (r*w + 1 - w)
}

func seen(e *event, bad int) Sample {
	s := Sample{Requests: uint64(bad)}
	if e == slowness {
		s.Slow = s.Requests
	} else {
		s.Errors = s.Requests
	}
	return s
}

// Each block of requests has one random slot, the candidate's or, of shares above a
// half, stable's. Every pattern of bad requests is tried with every place of the
// slots, and the candidate failed at the first moment that its evidence comes to a
// level: that happens no more often than the budget reckons with.
func TestDealingByBlocksFailsNoMoreOftenThanTheBudgetReckons(t *testing.T) {
	for _, c := range []struct {
		share          manifest.Weight
		length, blocks int
	}{{5000, 2, 6}, {2500, 4, 3}, {2000, 5, 2}, {1000, 10, 1}, {7500, 4, 3}, {8000, 5, 2}, {9000, 10, 1}} {
		for _, e := range []*event{failures, slowness} {
			all := c.length * c.blocks
			var table [16][16]float64
			for k := range all + 1 {
				for s := range all + 1 - k {
					table[k][s] = math.Exp(e.worse.evidence(e, []Step{{Share: c.share, Stable: seen(e, s), Candidate: seen(e, k)}}))
				}
			}
			deals := dealings(c.length, c.blocks, c.share > manifest.Full/2)
			for pattern := range uint(1) << all {
				if got := worth(pattern, deals, &table); got > blockFactor(e, c.share) {
					t.Fatalf("share %v, pattern %b: %s is worth %g, more than %g", c.share, pattern, e.did, got, blockFactor(e, c.share))
				}
			}
		}
	}
}

// blockFactor is what the package's documentation states.
func blockFactor(e *event, share manifest.Weight) float64 {
	switch {
	case share > manifest.Full/2 && e == failures:
		return 1.15
	case share > manifest.Full/2:
		return 1.09
	case e == failures:
		return 1.05
	}
	return 1 + hair
}

// dealings are all ways to deal the blocks: the candidate's requests as bits.
func dealings(length, blocks int, stable bool) []uint {
	ways := []uint{0}
	for range blocks {
		var next []uint
		for _, way := range ways {
			for place := range length {
				block := uint(1) << place
				if stable {
					block ^= 1<<length - 1
				}
				next = append(next, way<<length|block)
			}
		}
		ways = next
	}
	return ways
}

// worth is the most, over the levels at which one may stop, of the level times the
// chance that the evidence ever comes to it, by Ville's inequality at most the
// worth of the evidence.
func worth(pattern uint, deals []uint, table *[16][16]float64) float64 {
	levels := [...]float64{1.2, 1.5, 2, 4, 10, 30}
	var reached [len(levels)]int
	for _, deal := range deals {
		top, k, s := 1.0, 0, 0
		for rest := pattern; rest != 0; rest &= rest - 1 {
			if deal>>bits.TrailingZeros(rest)&1 == 1 {
				k++
				top = max(top, table[k][s])
			} else {
				s++
			}
		}
		for i, level := range levels {
			if top >= level {
				reached[i]++
			}
		}
	}
	most := 0.0
	for i, level := range levels {
		most = max(most, level*float64(reached[i])/float64(len(deals)))
	}
	return most
}

// One block is worked out as a formula for every length: stopping at the candidate's
// first bad request is worth (b/L)·(1-a^m)/(1-a) + (1-m/L)·a^m with m bad ones of L.
func TestAStopWithinALongBlockIsWorthNoMoreThanTheBudgetReckons(t *testing.T) {
	for _, e := range []*event{failures, slowness} {
		for _, length := range []int{2, 4, 10, 20, 100, 1000, 10000} {
			w := 1 / float64(length)
			for _, r := range e.worse.to {
				a := (1 + (e.margin-1)*w) / (1 + (r-1)*w)
				b := r / e.margin * a
				for m := range length + 1 {
					am := math.Pow(a, float64(m))
					ended := float64(m)*w*b*am/a + (1-float64(m)*w)*am
					if ended > 1+hair {
						t.Fatalf("%s: a block of %d with %d bad ones is worth %g at its end", e.did, length, m, ended)
					}
					if got := b*w*(1-am)/(1-a) + (1-float64(m)*w)*am; got > blockFactor(e, 1) {
						t.Fatalf("%s: a stop in a block of %d with %d bad ones is worth %g", e.did, length, m, got)
					}
				}
			}
		}
	}
}

func TestBoundsHoldAtEveryMomentButForTheirChance(t *testing.T) {
	const level, most = 3.0, 150 // a chance of about 5 %
	for _, p := range []float64{0.001, 0.01, 0.1, 0.5} {
		alive, wrong := []float64{1}, 0.0 // the chances of 0, 1, … bad ones with bounds that held
		for n := 1; n <= most; n++ {
			next := make([]float64, n+1)
			for k, chance := range alive {
				next[k] += chance * (1 - p)
				next[k+1] += chance * p
			}
			for k := range next {
				if c := (count{uint64(n), uint64(k)}); upper(c, level) < p || lower(c, level) > p {
					wrong += next[k]
					next[k] = 0
				}
			}
			alive = next
		}
		if limit := math.Exp(-level); wrong > limit {
			t.Errorf("the bounds of a share of %g are wrong with a chance of %g, want at most %g", p, wrong, limit)
		}
	}
}

func TestTheBudgetOfARolloutIsOnePerCent(t *testing.T) {
	sum := 0.0
	for _, e := range []*event{failures, slowness} {
		sum += math.Exp(-e.besideLevel)*blockFactor(e, 9000) + math.Exp(-e.aloneLevel) + math.Exp(-boundLevel)
	}
	if sum > 0.01 {
		t.Errorf("the tests of a rollout may be wrong with a chance of %g, want at most 0.01", sum)
	}
}
