package trial

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/segue-run/segue/bench/rollout/internal/traffic"
	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

// Run plays one rollout that is decided by the evidence.
func Run(cfg Config, seed uint64) Result {
	t := begin(cfg, seed)
	for t.result.Ending == "" {
		r := t.source.Next()
		if (r.At >= t.due || len(t.pending) > 0) && !t.until(r.At) {
			break
		}
		t.now = r.At
		candidate := t.choose(r)
		if t.atOnce && !candidate && !r.Fails && !cfg.Sticky && !cfg.Always { // most are, and can change no verdict
			t.steps[len(t.steps)-1].Stable.Requests++
			continue
		}
		t.deal(r, candidate)
	}
	return t.result
}

// trial is a rollout under way.
type trial struct {
	cfg    Config
	limits analysis.Limits
	fate   fate
	draw   *rand.Rand // of everything but the traffic
	source *traffic.Source
	dealer dealer

	now      time.Duration
	step     int             // from 1
	stepAt   time.Duration   // when the current step began
	steps    []analysis.Step // that were begun, in order
	due      time.Duration   // when the step's hold ends, or its limit
	atOnce   bool            // answers come at once
	pending  pending
	rest     rest
	inFlight int // of the candidate, without an answer
	slow     time.Duration
	usual    []time.Duration // stable's latest waits, a ring
	oldest   int
	seen     []marks // by key, of this rollout
	result   Result
}

// marks are what a key has been counted for: as failed and as slow in the rollout, and
// as a request in which step, by their number from 1.
type marks struct {
	failed, slow bool
	step         int
}

// known is how many of stable's waits its 99th percentile is estimated from.
const known = 1000

func begin(cfg Config, seed uint64) *trial {
	p := cfg.Policy
	t := &trial{
		cfg:    cfg,
		limits: analysis.Limits{MaxErrors: *p.MaxErrors, MaxSlow: *p.MaxSlow, MinRequests: uint64(p.MinRequests)},
		fate:   fate{salt: traffic.Mix(seed)},
		draw:   rand.New(rand.NewPCG(seed, 1)),
		source: traffic.New(cfg.Traffic, rand.New(rand.NewPCG(seed, 2))),
		atOnce: cfg.Wait == traffic.Wait{} && !cfg.Candidate.Hangs,
	}
	if cfg.Sticky {
		t.seen = make([]marks, cfg.Traffic.Keys)
	}
	if cfg.Wait != (traffic.Wait{}) {
		for range known {
			t.usual = append(t.usual, cfg.Wait.Draw(t.draw))
		}
	}
	t.nextStep()
	return t
}

// nextStep gives the candidate its next share; after the last it is promoted.
func (t *trial) nextStep() {
	if t.step++; t.step > len(t.cfg.Policy.Steps) {
		t.end(Promoted, "")
		return
	}
	t.enterStep()
}

func (t *trial) enterStep() {
	share := t.cfg.Policy.Steps[t.step-1]
	t.steps = append(t.steps, analysis.Step{Share: share})
	t.stepAt, t.due = t.now, t.now+t.hold()
	t.rest = rest{}
	t.dealer = newDealer(&t.cfg, share, t.draw, t.fate)
	t.slow = math.MaxInt64
	if t.usual != nil {
		sorted := slices.Sorted(slices.Values(t.usual))
		high := sorted[len(sorted)*99/100]
		t.slow = max(high*time.Duration(t.cfg.Policy.SlowFactor)/100, t.cfg.Policy.SlowFloor.Std())
	}
}

func (t *trial) end(how Ending, why string) {
	t.result.Ending, t.result.Reason, t.result.Took = how, why, t.now
}

// until lets everything happen that comes by that time. It reports whether the
// rollout is still under way.
func (t *trial) until(at time.Duration) bool {
	for t.result.Ending == "" {
		by := min(at, t.due)
		if e, ok := t.pending.next(by); ok {
			t.now = e.at
			t.happen(e)
			continue
		}
		t.now = by
		if by < t.due {
			return true
		}
		limit := t.stepAt + max(t.hold(), t.cfg.Policy.Limit.Std())
		t.due = limit
		if !t.ask() && by == limit {
			t.result.Unproven++
			t.nextStep()
		}
	}
	return false
}

// deal sees to the answer of a request that has its side.
func (t *trial) deal(r traffic.Request, candidate bool) {
	e := event{dealt: t.now, candidate: candidate, failed: r.Fails, key: r.Key}
	wait, hangs := t.cfg.Wait, false
	if candidate {
		e.failed = t.fails(r)
		wait, hangs = t.cfg.Candidate.Wait, t.cfg.Candidate.Hangs
	}
	if wait == (traffic.Wait{}) && !hangs {
		t.count(e, true, false)
		return
	}
	if e.candidate {
		t.inFlight++
	}
	took := time.Duration(math.MaxInt64)
	if !hangs {
		took = wait.Draw(t.draw)
	}
	if took > t.slow {
		e.kind, e.at, e.late = overdue, t.now+t.slow, true
		t.pending.add(e)
	}
	if !hangs {
		e.kind, e.at, e.wait = answered, t.now+took, took
		t.pending.add(e)
	}
}

// choose decides the request's side, and counts it.
func (t *trial) choose(r traffic.Request) (candidate bool) {
	t.result.Requests++
	candidate = t.dealer.toCandidate(r)
	if t.step == 1 && t.cfg.Cap > 0 && t.inFlight >= t.cfg.Cap {
		return false
	}
	if candidate {
		t.result.Candidate++
		if t.fails(r) || t.cfg.Candidate.Hangs {
			t.harm(r)
		}
	}
	return candidate
}

// fails reports whether the candidate fails the request.
func (t *trial) fails(r traffic.Request) bool {
	return r.Fails || t.cfg.Candidate.Fails > 0 && t.fate.chance(askFails, r.Number) < t.cfg.Candidate.Fails
}

// harm notes a request that the candidate fails: who is hurt depends on the shield.
func (t *trial) harm(r traffic.Request) {
	t.result.Failed++
	if r.Fails {
		t.result.Seen++
	}
	if r.Fails || t.fate.chance(askIdempotent, r.Number) >= idempotent {
		t.result.SeenMixed++
	}
}

func (t *trial) happen(e event) {
	if e.kind == overdue {
		e.failed = false
		t.count(e, true, true)
		return
	}
	if e.candidate {
		t.inFlight--
	} else {
		t.usual[t.oldest] = e.wait
		t.oldest = (t.oldest + 1) % known
	}
	t.count(e, !e.late, false)
}

// count adds what is new of a request to its side's sample, and asks for the verdict
// where that can have changed it. What was dealt in an earlier step says nothing of
// this one.
func (t *trial) count(e event, first, slow bool) {
	if e.dealt < t.stepAt {
		return
	}
	failed := e.failed
	if t.cfg.Sticky {
		m := &t.seen[e.key] // whichever side it was on: a key that moves brings nothing new
		marked := m.failed || m.slow
		failed, slow = failed && !m.failed, slow && !m.slow
		m.failed, m.slow = m.failed || failed, m.slow || slow
		if first = m.step != len(t.steps) && (!marked || failed || slow); first {
			m.step = len(t.steps)
		}
	}
	step := &t.steps[len(t.steps)-1]
	sample := &step.Stable
	if e.candidate {
		sample = &step.Candidate
	}
	add := func(n *uint64, is bool) {
		if is {
			*n++
		}
	}
	add(&sample.Requests, first)
	add(&sample.Errors, failed)
	add(&sample.Slow, slow)
	mayFail, mayPass := t.awake(e.candidate, failed || slow)
	if (mayFail || mayPass || t.cfg.Always) && !t.ask() && t.cfg.Look == nil {
		t.sleep(mayFail, mayPass)
	}
}

func (t *trial) held() bool { return t.now-t.stepAt >= t.hold() }

func (t *trial) hold() time.Duration {
	return rollout.HoldAfter(t.cfg.Policy.Hold.Std(), t.result.Doubts)
}

// ask asks for the verdict and follows it. It reports whether the step is over.
func (t *trial) ask() bool {
	f := t.finding()
	if t.cfg.Look != nil {
		t.cfg.Look(t.result.Candidate, f)
	}
	full := t.steps[len(t.steps)-1].Share >= manifest.Full
	switch {
	case f.Verdict == module.Fail && full && t.result.Doubts < t.cfg.Doubts && t.step > 1 && !t.cfg.Sticky:
		t.result.Doubts++
		t.step--
		t.enterStep()
	case f.Verdict == module.Fail:
		t.end(RolledBack, f.Reason)
	case f.Verdict == module.Pass && t.held():
		t.nextStep()
	default:
		return false
	}
	return true
}

func (t *trial) finding() analysis.Finding { return t.findingOf(t.steps) }

func (t *trial) findingOf(steps []analysis.Step) analysis.Finding {
	now := steps[len(steps)-1]
	if now.Share < manifest.Full || !t.cfg.Sticky {
		return analysis.Compare(t.limits, steps)
	}
	// Users were kept on one side, so which failures were the candidate's is no
	// matter of chance any more: only what is wrong by itself counts.
	limits := t.limits
	limits.MaxErrors = *t.cfg.Policy.MaxErrorsAlone
	var before analysis.Sample
	for _, s := range steps[:len(steps)-1] {
		before.Requests += s.Stable.Requests
		before.Errors += s.Stable.Errors
		before.Slow += s.Stable.Slow
	}
	return analysis.Alone(limits, before, now.Candidate)
}
