package rollout

import (
	"sync"
	"sync/atomic"
)

// keys remembers by whom evidence was given in one rollout, on whichever side. Where
// users are told apart they are what is counted, not their requests: a user is one
// request in a step, and in the whole rollout one failure and one slow answer. Counted
// once a side, users who fail everywhere would all speak against the candidate as the
// growing share moves them over; counted by requests, one busy user's failures would
// drown in the number of them. A restart of the host forgets them: who fails again counts
// again.
type keys struct {
	// full: there was no room for one more mark. Who is known could still be told from
	// who is not, but for the others each side's would be missing where they happen to
	// be: so nothing more is evidence in this rollout, neither for the candidate nor
	// against it.
	full atomic.Bool

	mu     sync.Mutex
	marked map[uint64]byte     // who has failed or was slow, in this rollout
	met    map[uint64]struct{} // who has been counted, in this step
}

const (
	maxKeys = 1 << 17 // of each map

	badKey  byte = 1
	slowKey byte = 2
)

// begin forgets who was counted in the step before.
func (k *keys) begin() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.met = nil
}

// count says what a request counts for. Where nobody is told apart (key 0) that is what
// it is. One of a user who was marked in an earlier step counts only for what is new; and
// where too many users were met to know them all, only what is bad counts still.
func (k *keys) count(key uint64, failed, slow bool) (request, bad, late bool) {
	if key == 0 {
		return true, failed, slow
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	marks := k.marked[key]
	bad, late = failed && marks&badKey == 0, slow && marks&slowKey == 0
	if bad || late {
		if marks == 0 && len(k.marked) >= maxKeys {
			k.full.Store(true)
			return false, false, false
		}
		if k.marked == nil {
			k.marked = map[uint64]byte{}
		}
		if bad {
			k.marked[key] |= badKey
		}
		if late {
			k.marked[key] |= slowKey
		}
	}
	if _, met := k.met[key]; met || marks != 0 && !bad && !late {
		return false, bad, late
	}
	if len(k.met) >= maxKeys {
		return bad || late, bad, late
	}
	if k.met == nil {
		k.met = map[uint64]struct{}{}
	}
	k.met[key] = struct{}{}
	return true, bad, late
}
