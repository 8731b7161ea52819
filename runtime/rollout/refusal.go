package rollout

import (
	"fmt"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// underWay is the refusal of a verb that needs a rollout, where there is none. It says
// what became of the last one, by whom and when.
func (r *Record) underWay(now time.Time) error {
	if r.Rollout.Active() {
		return nil
	}
	msg := fmt.Sprintf("module %s has no rollout under way", r.Module)
	if ro := r.Rollout; ro != nil {
		msg += fmt.Sprintf(": %s to %s was %s", ro.ID, ro.Candidate.Version, ended(ro.Phase))
		if ro.Last != nil && ro.Last.At.Equal(ro.Ended) {
			msg += " by " + ro.Last.Actor.String()
		}
		msg += " at " + clock(ro.Ended, now)
	}
	return &module.Error{Kind: module.Conflict, Msg: msg, Hint: "segue show " + r.Module + " tells where it stands"}
}

func ended(p Phase) string {
	switch p {
	case RolledBack, Failed:
		return "taken back"
	}
	return string(p)
}

// lastAct says who did something to the rollout last, so that of two operators the
// second one knows.
func (r *Rollout) lastAct(now time.Time) string {
	if r.Last == nil {
		return ""
	}
	return fmt.Sprintf(" (%s by %s at %s)", r.Last.Verb, r.Last.Actor, clock(r.Last.At, now))
}

func (r *Record) waitsFor(w *module.Waiting) string {
	if w == nil {
		return ": it is " + string(r.Rollout.Phase)
	}
	return ": " + w.Message
}

// clock is a time of the day, with the day where that is not today.
func clock(at, now time.Time) string {
	at, now = at.UTC(), now.UTC()
	if at.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return at.Format(time.TimeOnly)
	}
	return at.Format(time.DateTime)
}
