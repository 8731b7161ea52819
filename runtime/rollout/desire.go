package rollout

import (
	"slices"
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
	// heirs are the keys of who takes over what others cannot serve, or fail: the first
	// that runs. The predecessor of what is on trial is one while it is warm.
	heirs []string
	// rollout is the id of the one whose candidate is seen, or on trial; entry is its
	// newest entry of evidence.
	rollout string
	entry   int
	// most bounds the candidate's requests without an answer; 0 does not.
	most int
}

// firstMost is how many requests of the first step of a gradual rollout the candidate
// may have in flight: what hangs harms no more than these.
const firstMost = 5

// desired reads a record.
func desired(r Record, now time.Time) desire {
	d := desire{plans: map[string]Plan{}, shares: map[string]manifest.Weight{}}
	wants := func(plan Plan) {
		plan.Granted = r.granted()
		d.plans[plan.Key] = plan
	}
	if r.Previous != nil && now.Before(r.WarmUntil) {
		wants(*r.Previous)
	}
	weight := r.Rollout.Weight()
	if r.Rollout.Active() && r.Rollout.Phase != Pending {
		wants(r.Rollout.Candidate)
		if weight > 0 {
			d.shares[r.Rollout.Candidate.Key] = weight
		}
		d.look(r)
	}
	if r.Stable != nil {
		wants(*r.Stable)
		if weight < manifest.Full {
			d.shares[r.Stable.Key] = manifest.Full - weight
		}
		d.heirs = []string{r.Stable.Key}
	}
	if r.onTrial() {
		d.rollout, d.entry = r.Rollout.ID, len(r.Rollout.Evidence)
		if _, warm := d.plans[keyOf(r.Previous)]; warm {
			d.heirs = []string{r.Previous.Key, r.Stable.Key}
		}
	}
	return d
}

// keyOf is the plan's key; empty for none.
func keyOf(p *Plan) string {
	if p == nil {
		return ""
	}
	return p.Key
}

// look lets a candidate be seen beside stable.
func (d *desire) look(r Record) {
	ro := r.Rollout
	if r.Stable == nil || ro.Phase != Checking && ro.Phase != Shifting {
		return
	}
	d.preview, d.rollout, d.entry = ro.Candidate.Key, ro.ID, len(ro.Evidence)
	if ro.Phase == Checking && ro.strategy() == manifest.Bluegreen && share(ro.Policy.Mirror.Share) > 0 {
		d.mirror = ro.Candidate.Key
	}
	// What is beyond goes to stable, and so would a user who is the candidate's.
	if ro.Phase == Shifting && ro.Step == 1 && ro.Weight() < manifest.Full && !ro.sticky() {
		d.most = firstMost
	}
}

// narrowed is what both records allow: what may be done on the way from old to now
// before now is saved. Nothing gets more exposure than old gave it, but a release
// that was trusted already takes over what others lose.
func narrowed(old, now Record, at time.Time) desire {
	from, to := desired(old, at), desired(now, at)
	d := desire{plans: map[string]Plan{}, shares: map[string]manifest.Weight{}}
	for key, plan := range to.plans {
		if had, ok := from.plans[key]; ok {
			if now.approvedSince(old) {
				plan.Granted = had.Granted
			}
			d.plans[key] = plan
		}
	}
	if from.rollout != "" {
		if _, stays := to.plans[old.Rollout.Candidate.Key]; stays { // seen as before, until now is saved
			d.preview, d.mirror, d.most, d.rollout, d.entry = from.preview, from.mirror, from.most, from.rollout, from.entry
		}
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
	for _, key := range append(from.heirs, heir) {
		if _, stays := d.plans[key]; stays && !slices.Contains(d.heirs, key) {
			d.heirs = append(d.heirs, key)
		}
	}
	return d
}
