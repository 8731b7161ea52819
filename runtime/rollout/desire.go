package rollout

import (
	"time"

	"github.com/segue-run/segue/sdk/manifest"
)

// desire is what a record asks of the world: which processes run, and who gets
// which share of the traffic. The owner makes the world follow it.
type desire struct {
	// plans are the processes that may run, by key. The previous release is
	// among them while it is warm; it is kept, never started.
	plans map[string]Plan
	// shares are weights by key, in basis points; they sum to 10000, or there are
	// none and the module has no traffic.
	shares map[string]manifest.Weight
	// preview and mirror are the keys of who gets the requests that ask for the
	// preview, and copies of stable's; empty for nobody.
	preview, mirror string
	// rollout is the id of the one whose candidate is seen.
	rollout string
	// cap bounds the candidate's requests without an answer; 0 does not.
	cap int
}

// firstCap is how many requests of the first step of a gradual rollout the candidate
// may have in flight: what hangs harms no more than these.
const firstCap = 5

// desired reads a record.
func desired(r Record, now time.Time) desire {
	d := desire{plans: map[string]Plan{}, shares: map[string]manifest.Weight{}}
	if r.Previous != nil && now.Before(r.WarmUntil) {
		d.plans[r.Previous.Key] = *r.Previous
	}
	weight := r.Rollout.Weight()
	if r.Rollout.Active() && r.Rollout.Phase != Pending {
		d.plans[r.Rollout.Candidate.Key] = r.Rollout.Candidate
		if weight > 0 {
			d.shares[r.Rollout.Candidate.Key] = weight
		}
		d.look(r)
	}
	if r.Stable != nil {
		d.plans[r.Stable.Key] = *r.Stable
		if weight < manifest.Full {
			d.shares[r.Stable.Key] = manifest.Full - weight
		}
	}
	return d
}

// look lets a candidate be seen beside stable.
func (d *desire) look(r Record) {
	ro := r.Rollout
	if r.Stable == nil || ro.Phase != Checking && ro.Phase != Shifting {
		return
	}
	d.preview, d.rollout = ro.Candidate.Key, ro.ID
	if ro.Phase == Checking && ro.strategy() == manifest.Bluegreen && share(ro.Policy.Mirror.Share) > 0 {
		d.mirror = ro.Candidate.Key
	}
	// What is beyond the cap goes to stable, and so would a user who is the candidate's.
	if ro.Phase == Shifting && ro.Step == 1 && ro.Weight() < manifest.Full && !ro.sticky() {
		d.cap = firstCap
	}
}

// narrowed is what both records allow: what may be done on the way from old to now
// before now is saved. Nothing gets more exposure than old gave it, but a release
// that was trusted already takes over what others lose.
func narrowed(old, now Record, at time.Time) desire {
	from, to := desired(old, at), desired(now, at)
	d := desire{plans: map[string]Plan{}, shares: map[string]manifest.Weight{}}
	for key, plan := range to.plans {
		if _, ok := from.plans[key]; ok {
			d.plans[key] = plan
		}
	}
	if _, stays := to.plans[from.preview]; stays { // seen as before, until now is saved
		d.preview, d.mirror, d.cap, d.rollout = from.preview, from.mirror, from.cap, from.rollout
	}
	heir := ""
	for _, trusted := range []*Plan{old.Previous, old.Stable} { // the later wins
		if trusted == nil {
			continue
		}
		if _, runs := d.plans[trusted.Key]; runs && (heir == "" || to.shares[trusted.Key] > to.shares[heir]) {
			heir = trusted.Key
		}
	}
	left := manifest.Full
	for key, weight := range to.shares {
		if key == heir {
			continue
		}
		if weight = min(weight, from.shares[key]); weight > 0 {
			d.shares[key] = weight
			left -= weight
		}
	}
	switch {
	case len(to.shares) == 0 || left == 0:
	case heir != "":
		d.shares[heir] = left
	default: // nobody trusted stays: what has traffic keeps it until now is saved
		d.shares = from.shares
		for key := range from.shares {
			d.plans[key] = from.plans[key]
		}
	}
	if len(to.shares) == 0 {
		d.shares = map[string]manifest.Weight{}
	}
	return d
}
