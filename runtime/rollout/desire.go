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
}

// desired reads a record.
func desired(r Record, now time.Time) desire {
	d := desire{plans: map[string]Plan{}, shares: map[string]manifest.Weight{}}
	if r.Previous != nil && now.Before(r.WarmUntil) {
		d.plans[r.Previous.Key] = *r.Previous
	}
	weight := r.Rollout.Weight()
	if r.Rollout.Active() {
		d.plans[r.Rollout.Candidate.Key] = r.Rollout.Candidate
		if weight > 0 {
			d.shares[r.Rollout.Candidate.Key] = weight
		}
	}
	if r.Stable != nil {
		d.plans[r.Stable.Key] = *r.Stable
		if weight < manifest.Full {
			d.shares[r.Stable.Key] = manifest.Full - weight
		}
	}
	return d
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
