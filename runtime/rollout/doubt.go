package rollout

import "time"

// MaxDoubts is how often a rollout may step back from all the traffic. A step often
// passes in the middle of a burst that both sides share, since stable's failures are
// the proof, and the next meets what is left of it with nothing beside it: with one
// doubt, one in seven good rollouts was taken back in bursts, with ten one in a thousand.
const MaxDoubts = 10

// HoldAfter is how long a step with that hold lasts at least after so many doubts. Each
// one adds a part of the hold that is in step with no period: trouble that comes with the
// clock would else meet the step with all the traffic each time, and trouble that lasts
// for minutes would use the doubts up.
func HoldAfter(hold time.Duration, doubts int) time.Duration {
	return hold + time.Duration(doubts)*(hold*618/1000)
}

// doubt steps back to where the candidate has stable beside it, which then decides.
// After too many, or where a user would be sent back and forth, it must go.
func (r *Record) doubt(ev doubted, now time.Time) {
	ro := r.Rollout
	if !ro.Active() || ro.Phase != Shifting {
		return
	}
	if ro.Weight() < full || ro.Step <= 1 || len(ro.Doubts) >= MaxDoubts || ro.sticky() {
		r.spoil(ev.Reason, false, now)
		return
	}
	ro.Doubts = append(ro.Doubts, Brief(ev.Reason))
	ro.enterStep(ro.Step-1, now)
}
