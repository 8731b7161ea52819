package watch

import "time"

// The pause between two looks at a file that somebody writes to: it doubles from the
// first to the last, and begins anew with each write.
const (
	firstPause = time.Millisecond
	lastPause  = 100 * time.Millisecond
)

// The pauses between looks that the machine has no means for are longer, up to this.
const unseenPause = time.Second

// entry is what the watcher knows of one name. Its methods do no I/O.
type entry struct {
	name    string
	atStart bool // there before Run began, and nothing was said of it yet

	// What the last look saw, and since when looks see the same.
	seen  edition
	since time.Time

	// What the consumer was told last. A refusal is told by its text, an offer by an
	// empty text.
	reported edition
	refusal  string
	told     bool // anything at all
	offered  bool // an offer that no removal followed

	// touched is set by an event that means new content. Without it an inode that only
	// changed its time of change is the edition that was reported.
	touched bool
	holder  *Offer // the last offer delivered, while its lease keeps writers out

	retryAt time.Time // when to offer the reported edition again, as the consumer asked; zero if never
	retries int       // how often that edition was offered again

	absentSince time.Time     // zero while present
	unsettled   time.Time     // since when looks find it neither whole nor refused; zero if settled
	waits       int           // how many Waitings were told since
	pause       time.Duration // before the next look while somebody writes to it; else 0

	queued bool      // among those to be looked at now
	due    time.Time // when to look, if in the agenda
	slot   int       // in the agenda, or -1
}

// say is what a look leads to telling.
type say int

const (
	sayNothing say = iota
	sayOffer
	sayRefused
	sayRemoved
	sayWaiting
)

// step is what follows from a look.
type step struct {
	say    say
	again  time.Duration // look again after so long; 0: when something happens
	forget bool          // nothing more is to be known of the name
}

// next judges what a look saw at now.
func (e *entry) next(s sight, now time.Time, cfg *Config) step {
	switch s.condition {
	case absent:
		return e.nextAbsent(now, cfg)
	case unseen: // says nothing, also not that the file is there
		e.pause = min(max(2*e.pause, firstPause), unseenPause)
		return e.wait(now, e.pause, cfg)
	}
	e.absentSince = time.Time{}
	if s.edition != e.seen || e.since.IsZero() {
		e.seen, e.since = s.edition, now
	}
	rested := now.Sub(e.since)
	if s.condition == busy {
		e.pause = min(max(2*e.pause, firstPause), lastPause)
		return e.wait(now, e.pause, cfg)
	}
	e.pause = 0
	switch s.condition {
	case incomplete:
		return e.refuse(s, now, cfg.Grace-rested, cfg)
	case unfit:
		return e.refuse(s, now, cfg.Quiet-rested, cfg)
	}
	if s.condition == known || e.same(s.edition) && e.refusal == "" {
		e.settle(s.edition)
		if e.retryAt.IsZero() || now.Before(e.retryAt) {
			return step{again: max(0, e.retryAt.Sub(now))}
		}
	} else if !e.retryAt.IsZero() { // another version came first
		e.retryAt, e.atStart = time.Time{}, false
	}
	if s.condition == resting && rested < cfg.Quiet {
		return e.wait(now, cfg.Quiet-rested, cfg)
	}
	if e.offered && e.lostSidecar(s.edition) && rested < cfg.RemoveGrace {
		return e.wait(now, cfg.RemoveGrace-rested, cfg)
	}
	return step{say: sayOffer}
}

func (e *entry) nextAbsent(now time.Time, cfg *Config) step {
	e.since, e.unsettled, e.pause = time.Time{}, time.Time{}, 0
	if e.absentSince.IsZero() {
		e.absentSince = now
	}
	if !e.offered {
		return step{forget: true}
	}
	if left := cfg.RemoveGrace - now.Sub(e.absentSince); left > 0 {
		return step{again: left}
	}
	return step{say: sayRemoved}
}

// refuse tells what is wrong when it has been so for long enough, and once.
func (e *entry) refuse(s sight, now time.Time, left time.Duration, cfg *Config) step {
	if e.same(s.edition) && (e.refusal == "" || e.refusal == s.err.Error()) {
		e.settle(s.edition)
		return step{}
	}
	if left > 0 {
		return e.wait(now, left, cfg)
	}
	return step{say: sayRefused}
}

// wait looks again after pause, and says so where it has been long.
func (e *entry) wait(now time.Time, pause time.Duration, cfg *Config) step {
	if e.unsettled.IsZero() {
		e.unsettled = now
	}
	if now.Sub(e.unsettled) >= cfg.WaitAfter<<min(e.waits, 10) {
		return step{say: sayWaiting}
	}
	return step{again: pause}
}

// retry notes that the consumer wants o again, and reports whether o is still the last
// word on the name.
func (e *entry) retry(o *Offer, now time.Time, pause time.Duration) bool {
	if !e.told || e.refusal != "" || e.reported.version() != o.edition.version() {
		return false
	}
	e.retryAt, e.atStart = now.Add(pause<<min(e.retries, 5)), o.AtStart
	e.retries++
	return true
}

// decided is the edition of which nothing more is to be found out at now.
func (e *entry) decided(now time.Time) edition {
	if !e.retryAt.IsZero() && !now.Before(e.retryAt) {
		return edition{}
	}
	return e.reported
}

// settle notes that an edition is the one that was reported.
func (e *entry) settle(ed edition) {
	e.reported = ed
	e.touched = false
	e.unsettled, e.waits, e.pause = time.Time{}, 0, 0
}

// same reports whether ed is the edition that was reported.
func (e *entry) same(ed edition) bool {
	if !e.told {
		return false
	}
	return ed == e.reported || !e.touched && ed.version() == e.reported.version()
}

// lostSidecar reports whether ed is the reported edition without its sidecar.
func (e *entry) lostSidecar(ed edition) bool {
	return ed.sidecar == stamp{} && e.reported.sidecar != stamp{} && ed.main.version() == e.reported.main.version()
}

// event notes that fsnotify told of the name or its sidecar. content means that bytes
// were written or a file appeared. While a lease keeps writers out of the file, such
// an event is one from before the offer that comes late.
func (e *entry) event(content, sidecar bool) {
	if e.holder != nil && !e.holder.held.Load() {
		e.holder = nil
	}
	if content && (sidecar || e.holder == nil) {
		e.touched = true
	}
	e.pause = min(e.pause, firstPause/2)
}

// delivered notes that the consumer has been told.
func (e *entry) delivered(n Notice) {
	switch n := n.(type) {
	case *Offer:
		if n.edition.version() != e.reported.version() {
			e.retries = 0
		}
		e.retryAt = time.Time{}
		e.offered, e.told, e.refusal = true, true, ""
		e.holder = nil
		if n.leased {
			e.holder = n
		}
	case *Refused:
		e.retryAt = time.Time{}
		e.told, e.refusal = true, n.Err.Error()
	case *Waiting:
		e.waits++
		return
	case *Removed:
		return
	}
	e.atStart = false
	e.settle(e.seen)
}
