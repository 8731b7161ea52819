package traffic

import (
	"math"
	"math/rand/v2"
	"time"
)

// normal99 is the 99th percentile of the standard normal distribution.
const normal99 = 2.3263478740408408

// Wait is how long a side takes to answer: lognormal, by its median and its 99th
// percentile. The zero Wait is no time at all.
type Wait struct{ Median, P99 time.Duration }

// Draw is how long one answer takes.
func (w Wait) Draw(draw *rand.Rand) time.Duration {
	if w.Median == 0 {
		return 0
	}
	spread := math.Log(float64(w.P99)/float64(w.Median)) / normal99
	return time.Duration(float64(w.Median) * math.Exp(spread*draw.NormFloat64()))
}

// Slower is w with every answer taking that many times as long.
func (w Wait) Slower(factor float64) Wait {
	scale := func(d time.Duration) time.Duration { return time.Duration(float64(d) * factor) }
	return Wait{Median: scale(w.Median), P99: scale(w.P99)}
}

// LongerTail is w with the same median and that many times the 99th percentile.
func (w Wait) LongerTail(factor float64) Wait {
	return Wait{Median: w.Median, P99: w.Slower(factor).P99}
}
