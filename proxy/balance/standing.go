package balance

import "time"

// Standing is what a release thinks of one of its targets.
type Standing string

// The standings of a target.
const (
	StandingTrusted   Standing = "trusted"
	StandingOut       Standing = "out"       // gets requests only where no other target is up
	StandingReturning Standing = "returning" // gets requests again, and is out with its next failure
)

// Ejection says when a target is taken out that fails beside its siblings, and how it
// comes back. Zero values mean the default.
type Ejection struct {
	// Off keeps every target in.
	Off bool
	// Failures in a row take a target out: what did not reach it, or broke off, or took too
	// long, and answers of 502, 503 and 504. Default 5.
	Failures int
	// Any counts every answer of 5xx as such a failure.
	Any bool
	// Above, in basis points, is by how much its share of failures, of any kind, may exceed
	// that of its siblings together, within a Window in which it, and they, have answered Least.
	// Default 3000, 20 requests and 10 s.
	Above  int
	Least  int
	Window time.Duration
	// First is how long a target is out the first time. Each further time is twice the one
	// before, up to Most; it is the first again for one that was trusted for ten times as
	// long as it had been out. Default 10 s and 5 min.
	First time.Duration
	Most  time.Duration
	// MostOut is the share of the release's targets, in basis points, that may be out at a
	// time. Default 5000. The last one that is up never is.
	MostOut int
	// Trust is how many requests in a row one that returns must answer before it is trusted:
	// until then one failure suffices to take it out again. Default 10.
	Trust int
}

// defaults is e with its defaults in place.
func (e Ejection) defaults() Ejection {
	unless(&e.Failures, 5)
	unless(&e.Above, 3000)
	unless(&e.Least, 20)
	unless(&e.Window, 10*time.Second)
	unless(&e.First, 10*time.Second)
	unless(&e.Most, 5*time.Minute)
	unless(&e.MostOut, Full/2)
	unless(&e.Trust, 10)
	return e
}

func unless[T comparable](at *T, value T) {
	var zero T
	if *at == zero {
		*at = value
	}
}

// standing is one target's: a state machine without a clock of its own. Times are
// nanoseconds since epoch.
type standing struct {
	now    Standing
	row    int           // failures in a row
	good   int           // since it has returned
	last   time.Duration // how long it was out the last time; 0: never yet
	until  int64         // when that is over
	proved int64         // when it was trusted again
}

// failed notes a failure that counts, and says whether the target is to go for it.
func (s *standing) failed(e *Ejection) bool {
	if s.now == StandingOut {
		return false // it was under way when the target was taken out
	}
	s.row++
	return s.row >= e.Failures || s.now == StandingReturning
}

// succeeded notes any other answer, and says whether the target is trusted again by it.
func (s *standing) succeeded(e *Ejection, at int64) bool {
	s.row = 0
	if s.now != StandingReturning {
		return false
	}
	s.good++
	if s.good < e.Trust {
		return false
	}
	s.now, s.proved = StandingTrusted, at
	return true
}

// eject takes the target out.
func (s *standing) eject(e *Ejection, at int64) {
	next := min(2*s.last, e.Most)
	if s.last == 0 || s.now == StandingTrusted && at-s.proved >= 10*int64(s.last) {
		next = e.First
	}
	*s = standing{now: StandingOut, last: next, until: at + int64(next)}
}

// back lets the target return if its time is over.
func (s *standing) back(at int64) bool {
	if s.now != StandingOut || at < s.until {
		return false
	}
	s.now = StandingReturning
	return true
}
