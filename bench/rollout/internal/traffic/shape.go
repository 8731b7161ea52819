package traffic

import (
	"math"
	"math/rand/v2"
	"time"
)

// Rule says of each request of one stream, in order, whether it fails.
type Rule func(Request) bool

// Shape makes the rule of one stream. It draws what is left to chance (where a burst
// begins, which users fail) from draw, which the rule may keep.
type Shape func(draw *rand.Rand) Rule

// Even: each request fails with that chance, for itself.
func Even(share float64) Shape {
	return func(draw *rand.Rand) Rule {
		left := gap(draw, share)
		return func(Request) bool {
			if left--; left >= 0 {
				return false
			}
			left = gap(draw, share)
			return true
		}
	}
}

// gap draws how many trials go by before the first success, each succeeding with
// that chance: one draw instead of one a trial.
func gap(draw *rand.Rand, chance float64) int64 {
	switch {
	case chance <= 0:
		return math.MaxInt64
	case chance >= 1:
		return 0
	}
	return int64(draw.ExpFloat64() / -math.Log1p(-chance))
}

// Within a burst half of the requests fail, and one lasts so many on average.
const (
	burstErrors = 0.5
	burstLength = 50
)

// Bursts: failures come in bursts, as two states that follow each other by chance;
// share is the mean over all, less than a half.
func Bursts(share float64) Shape {
	return func(draw *rand.Rand) Rule {
		bad := share / burstErrors // the part of all requests that lies in bursts
		chance := func(bursting bool) float64 {
			if bursting {
				return 1.0 / burstLength
			}
			return bad / (1 - bad) / burstLength
		}
		bursting := draw.Float64() < bad
		left := gap(draw, chance(bursting))
		return func(Request) bool {
			if left--; left < 0 {
				bursting = !bursting
				left = gap(draw, chance(bursting))
			}
			return bursting && draw.Float64() < burstErrors
		}
	}
}

// Counted: failures keep step with the requests' numbers: each so-manieth fails, the
// first at random.
func Counted(share float64) Shape {
	return func(draw *rand.Rand) Rule {
		if share == 0 {
			return func(Request) bool { return false }
		}
		period := uint64(math.Round(1 / share))
		phase := draw.Uint64N(period)
		return func(r Request) bool { return r.Number%period == phase }
	}
}

// Clocked: failures keep step with the clock: within that share of each second every
// request fails.
func Clocked(share float64) Shape {
	return func(draw *rand.Rand) Rule {
		phase := time.Duration(draw.Int64N(int64(time.Second)))
		bad := time.Duration(share * float64(time.Second))
		return func(r Request) bool { return (r.At+phase)%time.Second < bad }
	}
}

// Users: that share of the users fails, always; all others never.
func Users(share float64) Shape {
	return func(draw *rand.Rand) Rule {
		salt := draw.Uint64()
		limit := uint64(share * (1 << 32))
		return func(r Request) bool { return Mix(salt+uint64(r.Key))>>32 < limit }
	}
}

// Outage: beside what base lets fail, that share of all requests fails for a stretch
// of time that begins at random within the first so long.
func Outage(base Shape, share float64, lasts, within time.Duration) Shape {
	return func(draw *rand.Rand) Rule {
		fails := base(draw)
		begin := time.Duration(draw.Int64N(int64(within)))
		return func(r Request) bool {
			own := fails(r)
			out := r.At >= begin && r.At < begin+lasts && draw.Float64() < share
			return own || out
		}
	}
}
