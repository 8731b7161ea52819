package rollout

import (
	"sync"
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
	keys      *keys
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
	l := t.lens.Load()
	return l != nil && l.add(o)
}

// add counts a request that chance has dealt, if that was in this step.
func (l *lens) add(o Observation) (look bool) {
	now, begun := time.Now(), l.begun.Load()
	if begun == nil || now.Add(-max(o.Took, o.Wait)).Before(*begun) || l.keys.full.Load() {
		return false
	}
	l.dealt.Add(1) // first: never fewer than of these
	failed := o.Failed && l.keys.first(o.Key, badKey)
	slow := l.slowAbove > 0 && o.Wait > l.slowAbove && l.keys.first(o.Key, slowKey)
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

// keys remembers by whom evidence was given in one rollout, on whichever side: one user
// who keeps failing is one failure, also when the growing share moves the user over.
// Counted once a side, users who fail everywhere would all speak against the candidate
// as they come to it. A restart of the host forgets them: who fails again counts again.
type keys struct {
	// full: there was no room for one more. Who is known could still be told from who is
	// not, but for the others each side's would be missing where they happen to be: so
	// nothing more is evidence in this rollout, neither for the candidate nor against it.
	full atomic.Bool

	mu   sync.Mutex
	seen map[uint64]byte
}

const (
	maxKeys = 1 << 17

	badKey  byte = 1
	slowKey byte = 2
)

// first reports whether this is the first event of its kind from the key. Where nobody
// is told apart each one is.
func (k *keys) first(key uint64, kind byte) bool {
	if key == 0 {
		return true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	known, ok := k.seen[key]
	if known&kind != 0 {
		return false
	}
	if !ok && len(k.seen) >= maxKeys {
		k.full.Store(true)
		return false
	}
	if k.seen == nil {
		k.seen = map[uint64]byte{}
	}
	k.seen[key] = known | kind
	return true
}

// asModule turns an analysis sample into what records and the API show.
func asModule(s analysis.Sample) module.Sample {
	return module.Sample{Requests: s.Requests, Errors: s.Errors, Slow: s.Slow}
}
