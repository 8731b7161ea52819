package balance

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// Why a target was taken out.
const (
	EjectedFailures = "failures in a row"
	EjectedShare    = "more failures than its siblings"
	EjectedReturn   = "a failure on return"
)

// Change is told when a target is taken out of its release, and when it is trusted again.
type Change struct {
	Target *Target
	Out    bool          // else it is trusted again
	For    time.Duration // how long it will be out
	Reason string        // why it is out
}

// outliers are a release's targets as they are compared with each other.
type outliers struct {
	cfg Ejection
	mu  sync.Mutex // held for no other lock's sake; under Release.mu and Target.mu
	// began is when the window did that the counts of all are taken from; valid where open.
	began   int64
	open    bool
	ejected atomic.Uint64 // how often one was taken out, of those that were removed too
}

// conduct is a target's part in that.
type conduct struct {
	standing              // under outliers.mu
	why       string      // under outliers.mu; the last time
	removed   bool        // under outliers.mu
	base      [2]uint64   // under outliers.mu; requests and failures when the window began
	ejected   uint64      // under outliers.mu
	wary      atomic.Bool // a success is of interest
	away      atomic.Bool // it is out, for the choice of a target
	awayUntil atomic.Int64
}

// judge notes how a request on t has ended.
func (r *Release) judge(t *Target, o proxy.Outcome) {
	if r.outliers.cfg.Off || !o.Class.Attributable() {
		return
	}
	var change Change
	switch {
	case o.Class.Failed():
		change = r.suspect(t, o)
	case t.conduct.wary.Load():
		change = r.outliers.clear(t)
	}
	if change.Target != nil && r.cfg.Changed != nil {
		r.cfg.Changed(change)
	}
}

// gateway reports whether a failure is one of what lies between the module and who asks
// it, rather than an answer of the module's own.
func gateway(o proxy.Outcome) bool {
	if o.Class != proxy.ClassServerError {
		return true
	}
	switch o.Status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// clear notes a success.
func (s *outliers) clear(t *Target) (change Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.conduct.succeeded(&s.cfg, sinceEpoch()) {
		change.Target = t
	}
	if t.conduct.now != StandingReturning {
		t.conduct.wary.Store(false)
	}
	return change
}

// suspect notes a failure, and takes t out if it is to go and may.
func (r *Release) suspect(t *Target, o proxy.Outcome) (change Change) {
	s := &r.outliers
	targets := *r.targets.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.conduct.removed || len(targets) < 2 {
		return change
	}
	now := sinceEpoch()
	s.windowLocked(targets, now)
	reason := ""
	if !s.cfg.Any && !gateway(o) {
		t.conduct.row = 0
	} else {
		returning := t.conduct.now == StandingReturning
		t.conduct.wary.Store(true)
		if t.conduct.failed(&s.cfg) {
			reason = EjectedFailures
			if returning {
				reason = EjectedReturn
			}
		}
	}
	if reason == "" && t.conduct.now != StandingOut && s.worseLocked(targets, t) {
		reason = EjectedShare
	}
	if reason == "" || !s.mayLocked(targets, t, now) {
		return change
	}
	t.conduct.eject(&s.cfg, now)
	t.conduct.awayUntil.Store(t.conduct.until)
	t.conduct.wary.Store(false)
	t.conduct.why = reason
	t.conduct.ejected++
	s.ejected.Add(1)
	if !t.conduct.away.Swap(true) {
		r.special.Add(1)
	}
	return Change{Target: t, Out: true, For: t.conduct.last, Reason: reason}
}

// windowLocked begins another window if the last one is over.
func (s *outliers) windowLocked(targets []*Target, now int64) {
	if s.open && now-s.began < int64(s.cfg.Window) {
		return
	}
	s.open, s.began = true, now
	for _, t := range targets {
		t.conduct.base = t.attributable()
	}
}

// worseLocked reports whether t fails by far more than its siblings do.
func (s *outliers) worseLocked(targets []*Target, t *Target) bool {
	var own, others [2]uint64
	for _, o := range targets {
		seen := o.attributable()
		if o == t {
			own = [2]uint64{seen[0] - o.conduct.base[0], seen[1] - o.conduct.base[1]}
		} else if o.conduct.now != StandingOut {
			others[0] += seen[0] - o.conduct.base[0]
			others[1] += seen[1] - o.conduct.base[1]
		}
	}
	if least := uint64(s.cfg.Least); own[0] < least || others[0] < least {
		return false
	}
	return int(own[1]*Full/own[0])-int(others[1]*Full/others[0]) >= s.cfg.Above
}

// mayLocked reports whether t may be taken out besides those that are.
func (s *outliers) mayLocked(targets []*Target, t *Target, now int64) bool {
	up, out := 0, 1
	for _, o := range targets {
		if !o.ready.Load() {
			continue
		}
		up++
		if o != t && o.conduct.now == StandingOut && now < o.conduct.until {
			out++
		}
	}
	return out < up && out*Full <= up*s.cfg.MostOut
}

// readmit lets t return if its time is over.
func (r *Release) readmit(t *Target, now int64) {
	s := &r.outliers
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.conduct.removed || !t.conduct.back(now) {
		return
	}
	t.conduct.base = t.attributable()
	t.conduct.wary.Store(true)
	r.warm(t, now)
	t.conduct.away.Store(false)
	r.special.Add(-1)
}

// dismiss keeps t, which was removed, out of all comparison.
func (r *Release) dismiss(t *Target) {
	s := &r.outliers
	s.mu.Lock()
	defer s.mu.Unlock()
	t.conduct.removed = true
	if t.conduct.away.Swap(false) {
		r.special.Add(-1)
	}
	if t.slow.Swap(false) {
		r.special.Add(-1)
	}
}

// tell puts to the stats of t where it stands.
func (s *outliers) tell(t *Target, to *TargetStats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &t.conduct
	to.Standing, to.Ejected = c.now, c.ejected
	if c.now == StandingOut || c.now == StandingReturning {
		to.Reason, to.Until = c.why, epoch.Add(time.Duration(c.until))
	}
}

// attributable are t's requests that say anything of it, and those of them that failed.
func (c *tally) attributable() (n [2]uint64) {
	for class := range c.classes {
		count := c.classes[class].Load()
		if proxy.Class(class).Attributable() {
			n[0] += count
		}
		if proxy.Class(class).Failed() {
			n[1] += count
		}
	}
	return n
}

// sinceEpoch is this moment as one number.
func sinceEpoch() int64 { return int64(time.Since(epoch)) }
