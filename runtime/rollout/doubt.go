package rollout

import "time"

// MaxDoubts is how often a rollout may step back from all the traffic. A step often
// passes in the middle of a burst that both sides share, since stable's failures are
// the proof, and the next meets what is left of it with nothing beside it: with one
// doubt, one in seven good rollouts was taken back in bursts, with ten one in a thousand.
const MaxDoubts = 10

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
	ro.Doubts = append(ro.Doubts, brief(ev.Reason))
	ro.enterStep(ro.Step-1, now)
}
