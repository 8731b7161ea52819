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
	// Evidence: only what chance gave to this process.
	dealt, failed, slow atomic.Uint64
	// lens says how the process is looked at; nil while it is not judged.
	lens atomic.Pointer[lens]
	// nudged is when the judge was called last, in nanoseconds since 1970.
	nudged atomic.Int64
}

// lens is how a process is looked at in one step.
type lens struct {
	begun     time.Time // what was dealt to it before says nothing of this step
	slowAbove time.Duration
	keys      *keys
}

// nudgeEvery spaces the looks at a process whose requests are well.
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
	l := t.lens.Load()
	if l == nil {
		if t.dealt.Add(1); o.Failed {
			t.failed.Add(1)
		}
		return false
	}
	now := time.Now()
	if now.Add(-max(o.Took, o.Wait)).Before(l.begun) {
		return false
	}
	t.dealt.Add(1) // first: never fewer than of these
	failed := o.Failed && l.keys.first(o.Key, badKey)
	slow := l.slowAbove > 0 && o.Wait > l.slowAbove && l.keys.first(o.Key, slowKey)
	if failed {
		t.failed.Add(1)
	}
	if slow {
		t.slow.Add(1)
	}
	if failed || slow || now.UnixNano()-t.nudged.Load() >= int64(nudgeEvery) {
		t.nudged.Store(now.UnixNano())
		return true
	}
	return false
}

// look puts another lens in.
func (t *tally) look(l *lens) {
	if old := t.lens.Load(); old != l && (old == nil || l == nil || *old != *l) {
		t.lens.Store(l)
	}
}

// sample is the evidence until now.
func (t *tally) sample() analysis.Sample {
	failed, slow := t.failed.Load(), t.slow.Load()
	return analysis.Sample{Errors: failed, Slow: slow, Requests: t.dealt.Load()}
}

// keys remembers by whom a side's evidence was given in one rollout: one user who
// keeps failing is one failure.
type keys struct {
	mu   sync.Mutex
	seen map[uint64]byte
}

const (
	maxKeys = 1 << 16 // per side; what comes after them is not counted

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
	if known&kind != 0 || !ok && len(k.seen) >= maxKeys {
		return false
	}
	if k.seen == nil {
		k.seen = map[uint64]byte{}
	}
	k.seen[key] = known | kind
	return true
}

// since is what was added after the earlier sample.
func since(now, before analysis.Sample) analysis.Sample {
	return analysis.Sample{Requests: now.Requests - before.Requests, Errors: now.Errors - before.Errors, Slow: now.Slow - before.Slow}
}

// asModule turns an analysis sample into what records and the API show.
func asModule(s analysis.Sample) module.Sample {
	return module.Sample{Requests: s.Requests, Errors: s.Errors, Slow: s.Slow}
}
