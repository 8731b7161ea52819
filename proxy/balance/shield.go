package balance

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// defaultKeep is how much of a body is kept.
const defaultKeep = 1 << 20

// Shield has a stable target answer what another one failed: a transport error, a
// timeout or a 5xx, before the client got anything of the answer. The failure still
// counts against the target that failed; the replay is evidence of nobody. It also has
// stable answer what waits on a target that has lost its share (see Group.Apply). The
// shield under which a request was dealt holds until the request's end.
//
// A target may have done its work before it failed, and a replay does it again: so
// only GET, HEAD and OPTIONS are replayed, and what the operator opts in.
type Shield struct {
	// Matches are opted in beyond GET, HEAD and OPTIONS.
	Matches []proxy.Match
	// Budget is the share, in basis points, of the module's requests that may be replays.
	// Ten a second are free, and up to a thousand may come at once where they were not
	// used before.
	Budget int
	// Keep is how many bytes a body may have that is kept for a replay; default 1 MiB.
	Keep int64
}

// clean is a copy with its defaults and its paths as proxy.CleanPath gives them.
func (s Shield) clean(what, module string) (*Shield, error) {
	if s.Keep == 0 {
		s.Keep = defaultKeep
	}
	if s.Budget < 0 || s.Budget > Full || s.Keep < 0 {
		return nil, fmt.Errorf("%s of module %s: a budget of %d or a body of %d bytes is out of range", what, module, s.Budget, s.Keep)
	}
	s.Matches = slices.Clone(s.Matches)
	for i, m := range s.Matches {
		path, err := proxy.CleanPath(m.Path)
		if err != nil {
			return nil, fmt.Errorf("%s of module %s: route %q: %w", what, module, m.Path, err)
		}
		s.Matches[i].Path = path
	}
	return &s, nil
}

// covers reports whether r may be sent again.
func (s *Shield) covers(r *proxy.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	return slices.ContainsFunc(s.Matches, func(m proxy.Match) bool { return m.Covers(r) })
}

// budget is a bucket of replays, in parts of a Full-th. Requests fill it by the share
// that may be replays, time by the free ones; a replay takes Full. It has no lock: what
// comes in may overshoot by what a few requests bring at the same instant, what goes out
// is exact.
type budget struct {
	left atomic.Int64
	last atomic.Int64 // when time last brought something, in nanoseconds since epoch
}

const (
	budgetMost   = 1000 * Full
	budgetFree   = 10 // replays a second
	budgetPeriod = int64(time.Second) / budgetFree
)

// epoch is where times begin that are kept as one number.
var epoch = time.Now()

// begin fills the bucket.
func (b *budget) begin(now time.Time) {
	b.left.Store(budgetMost)
	b.last.Store(int64(now.Sub(epoch)))
}

// earn counts a request of which this share may be a replay.
func (b *budget) earn(share int) {
	if b.left.Load() < budgetMost {
		b.left.Add(int64(share))
	}
}

// spend takes one replay, if there is one.
func (b *budget) spend(now time.Time) bool {
	at, last := int64(now.Sub(epoch)), b.last.Load()
	if periods := (at - last) / budgetPeriod; periods > 0 && b.last.CompareAndSwap(last, last+periods*budgetPeriod) {
		b.left.Add(min(periods, budgetMost/Full) * Full)
	}
	for {
		left := b.left.Load()
		if left < Full {
			return false
		}
		if b.left.CompareAndSwap(left, min(left, budgetMost)-Full) {
			return true
		}
	}
}

// shieldCounters count what became of failures.
type shieldCounters struct {
	replayed, recalled, rescued, overBudget, unkept, uncovered atomic.Uint64
}

// ShieldStats count, under a shield, the failures of targets that are not stable's, of
// which the client had got nothing, and what was taken back from them.
type ShieldStats struct {
	Replayed   uint64 // sent to a stable target
	Recalled   uint64 // of these, taken back
	Rescued    uint64 // of the replayed, made good
	OverBudget uint64 // not replayed: the budget was used up
	Unkept     uint64 // not replayed: the body was too long, or there was no memory to keep it
	Uncovered  uint64 // not replayed: not of a method or a route that is
}

func (c *shieldCounters) snapshot() ShieldStats {
	return ShieldStats{Replayed: c.replayed.Load(), Recalled: c.recalled.Load(), Rescued: c.rescued.Load(), OverBudget: c.overBudget.Load(),
		Unkept: c.unkept.Load(), Uncovered: c.uncovered.Load()}
}
