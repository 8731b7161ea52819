package rollout

import (
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
)

// tally counts what the data plane reports of one process.
type tally struct {
	// All that was answered, for people.
	requests, errors atomic.Uint64
	// Of these, what chance gave to this process, judged or not.
	dealt, failed atomic.Uint64
	// lens is through what the process is judged; nil while it is not.
	lens atomic.Pointer[lens]
}

// frame is what the lenses of both sides share in one step.
type frame struct {
	// begun is when the data plane had been told of the step and both lenses were in; nil
	// until then. What was dealt before says nothing of this step.
	begun     atomic.Pointer[time.Time]
	slowAbove time.Duration
	// hung is how long a request may go without an answer until it counts as failed; 0
	// for ever. It is set where stable is beside the candidate: alone, nothing tells a
	// release that hangs from one that is asked to wait.
	hung time.Duration
	keys *keys
}

// lens is how the processes of one side are looked at in one step, and what was seen
// through it. A process that takes over from one that is gone gets the same.
type lens struct {
	*frame
	eager               bool // a bad request is looked at once
	dealt, failed, slow atomic.Uint64
	// nudged is when the judge was called last, in nanoseconds since 1970.
	nudged atomic.Int64
}

// nudgeEvery spaces the looks at requests that cannot speak against the candidate.
const nudgeEvery = 5 * time.Millisecond

// add counts a request. It reports whether the judge should look now.
func (t *tally) add(o Observation) (look bool) {
	l := t.lens.Load()
	if o.Gone {
		return o.Dealt && l != nil && l.add(o)
	}
	t.requests.Add(1)
	if o.Failed {
		t.errors.Add(1)
	}
	if !o.Dealt {
		return false
	}
	t.dealt.Add(1) // first: never fewer than of these
	if o.Failed {
		t.failed.Add(1)
	}
	return l != nil && l.add(o)
}

// add counts a request that chance has dealt, if that was in this step.
func (l *lens) add(o Observation) (look bool) {
	now, begun := time.Now(), l.begun.Load()
	if begun == nil || now.Add(-max(o.Took, o.Wait)).Before(*begun) || l.keys.full.Load() {
		return false
	}
	slow := l.slowAbove > 0 && o.Wait > l.slowAbove
	if o.Gone && (!slow || l.hung == 0) {
		return false // it is not the release that kept its client from waiting
	}
	request, failed, slow := l.keys.count(o.Key, o.Failed || l.hung > 0 && o.Wait > l.hung, slow)
	if request {
		l.dealt.Add(1) // first: never fewer than of these
	}
	if failed {
		l.failed.Add(1)
	}
	if slow {
		l.slow.Add(1)
	}
	if l.eager && (failed || slow) || now.UnixNano()-l.nudged.Load() >= int64(nudgeEvery) {
		l.nudged.Store(now.UnixNano())
		return true
	}
	return false
}

// through puts another lens in; nil for none.
func (t *tally) through(l *lens) {
	if t.lens.Load() != l {
		t.lens.Store(l)
	}
}

// sample is what chance gave to the process until now; nothing says what of it was slow.
func (t *tally) sample() analysis.Sample {
	failed := t.failed.Load()
	return analysis.Sample{Errors: failed, Requests: t.dealt.Load()}
}

// sample is the evidence until now.
func (l *lens) sample() analysis.Sample {
	failed, slow := l.failed.Load(), l.slow.Load()
	return analysis.Sample{Errors: failed, Slow: slow, Requests: l.dealt.Load()}
}

// asModule turns an analysis sample into what records and the API show.
func asModule(s analysis.Sample) module.Sample {
	return module.Sample{Requests: s.Requests, Errors: s.Errors, Slow: s.Slow}
}
