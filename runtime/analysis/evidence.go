package analysis

import (
	"math"

	"github.com/segue-run/segue/sdk/manifest"
)

// count is how many of so many requests were bad: failed, or slow.
type count struct{ requests, bad uint64 }

func (c count) plus(d count) count {
	return count{c.requests + d.requests, c.bad + d.bad}
}

func (c count) share() float64 {
	if c.requests == 0 {
		return 0
	}
	return float64(c.bad) / float64(c.requests)
}

// terms is the most alternatives that a mixture weighs.
const terms = 8

// mixture is the logarithm of a sum of e-processes, each with the logarithm of its
// weight in it.
type mixture struct {
	logs [terms]float64
	n    int
}

func (m *mixture) add(log float64) {
	m.logs[m.n] = log
	m.n++
}

func (m *mixture) log() float64 {
	top := math.Inf(-1)
	for _, l := range m.logs[:m.n] {
		top = max(top, l)
	}
	if math.IsInf(top, 0) {
		return top
	}
	sum := 0.0
	for _, l := range m.logs[:m.n] {
		sum += math.Exp(l - top)
	}
	return top + math.Log(sum)
}

// times is k·log, where nothing times anything is nothing.
func times(k, log float64) float64 {
	if k == 0 {
		return 0
	}
	return k * log
}

// lifts are the alternatives of exceeds: the limit to the power of 1-lift, from
// little above it to nearly all.
var lifts = [...]float64{0.15, 0.3, 0.45, 0.6, 0.75, 0.9}

// exceeds is the log e-value against "a request is bad with a chance of at most
// limit": a mixture of likelihood ratios.
func exceeds(c count, limit float64) float64 {
	bad, good := float64(c.bad), float64(c.requests-c.bad)
	switch {
	case limit >= 1:
		return 0
	case limit <= 0 && c.bad > 0:
		return math.Inf(1)
	case limit <= 0:
		return 0
	}
	var m mixture
	log, rest := math.Log(limit), math.Log1p(-limit)
	for _, u := range lifts {
		p := math.Exp((1 - u) * log)
		m.add(times(bad, -u*log) + times(good, math.Log1p(-p)-rest))
	}
	return m.log() - math.Log(float64(len(lifts)))
}

// drops are the alternatives of below, as parts of the bound, with their weights.
var drops = [...]struct{ part, weight float64 }{{0, 0.25}, {0.12, 0.45}, {0.35, 0.3}}

// below is the log e-value against "a request is bad with a chance of at least
// bound".
func below(c count, bound float64) float64 {
	bad, good := float64(c.bad), float64(c.requests-c.bad)
	switch {
	case bound >= 1:
		return math.Inf(1)
	case bound <= 0:
		return math.Inf(-1)
	}
	var m mixture
	rest := math.Log1p(-bound)
	for _, d := range drops {
		m.add(math.Log(d.weight) + times(bad, math.Log(d.part)) + times(good, math.Log1p(-d.part*bound)-rest))
	}
	return m.log()
}

// tilt is the e-process on the sides of what was bad: against a risk of the
// candidate's that is from times stable's, for risks that are to times stable's.
//
// A bad request is the candidate's with chance r·w/(r·w+1-w) where w is its share of
// the requests and r its risk in terms of stable's. The ratio of two such chances is
// (to/from)·a, of their complements a, with a = (1+(from-1)·w) / (1+(to-1)·w).
type tilt struct {
	from    float64
	to      []float64
	log     []float64 // of to/from
	weights []float64 // logarithms
}

// newTilt makes one with equal weights.
func newTilt(from float64, to ...float64) *tilt {
	t := &tilt{from: from, to: to}
	for _, r := range to {
		t.log = append(t.log, math.Log(r/from))
		t.weights = append(t.weights, -math.Log(float64(len(to))))
	}
	return t
}

// evidence is the log e-value of the steps together. A share of nothing or of the
// whole leaves nothing to chance, and says nothing.
func (t *tilt) evidence(e *event, steps []Step) float64 {
	var m mixture
	for _, w := range t.weights {
		m.add(w)
	}
	for _, s := range steps {
		bad := float64(e.of(s.Candidate).bad)
		all := bad + float64(e.of(s.Stable).bad)
		if !dealt(s.Share) || all == 0 {
			continue
		}
		share := part(s.Share)
		base := math.Log1p((t.from - 1) * share)
		for i, r := range t.to {
			m.logs[i] += bad*t.log[i] + all*(base-math.Log1p((r-1)*share))
		}
	}
	return m.log()
}

// dealt tells whether a share leaves to chance which side a request falls to.
func dealt(w manifest.Weight) bool { return w > 0 && w < manifest.Full }

func part(w manifest.Weight) float64 { return float64(w) / float64(manifest.Full) }
