package rollout

import (
	"maps"
	"slices"

	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

// told is what the data plane was told of the module.
type told struct {
	live            map[string]*process // who has traffic, by key
	weights         map[string]manifest.Weight
	routes          []manifest.Route
	preview, mirror *process
	heir            string // the key of who takes over what others cannot serve
	most            int    // see Split.Cap
	partial         bool
	rollout         string // whose candidate is seen, or on trial; empty for nobody's
	policy          string // the rollout whose policy holds
	// entry is the rollout's newest entry of evidence; the data plane need not know.
	entry int
}

func (t *told) equal(u *told) bool {
	return t != nil && maps.Equal(t.live, u.live) && maps.Equal(t.weights, u.weights) && slices.Equal(t.routes, u.routes) &&
		t.preview == u.preview && t.mirror == u.mirror && t.heir == u.heir && t.most == u.most && t.partial == u.partial &&
		t.rollout == u.rollout && t.policy == u.policy
}

// weight is what the data plane gives to the plan.
func (t *told) weight(key string) manifest.Weight {
	if t == nil {
		return 0
	}
	return t.weights[key]
}

// split gives the traffic to those of d.shares that run. What a candidate that is gone
// had goes to stable, or while it is on trial to its predecessor. What stable had waits
// for its next process: a candidate never gets more than was decided.
func (o *owner) split(d desire, rec Record) {
	if len(d.shares) == 0 {
		if o.told != nil {
			o.cfg.Traffic.Remove(o.name)
			o.told = nil
		}
		return
	}
	say := &told{live: map[string]*process{}, weights: map[string]manifest.Weight{}, routes: o.routes(rec),
		preview: o.running[d.preview], mirror: o.running[d.mirror], most: d.most, rollout: d.rollout, entry: d.entry}
	lost := manifest.Full
	for key, weight := range d.shares {
		if p := o.running[key]; p != nil {
			say.live[key], say.weights[key] = p, weight
			lost -= weight
		} else if weight > 0 && d.rollout != "" {
			say.partial = true
		}
	}
	for _, key := range d.heirs {
		if p := o.running[key]; p != nil {
			say.heir, say.live[key] = key, p
			say.weights[key] += lost
			break
		}
	}
	how := o.rule(rec, d, say)
	if o.told.equal(say) {
		o.told.entry = say.entry
		return
	}
	s := Split{Routes: say.routes, Rollout: say.rollout, Partial: say.partial, Cap: say.most, Policy: how}
	for key, p := range say.live {
		s.Shares = append(s.Shares, Share{Target: p.target, Weight: say.weights[key], Stable: key == say.heir})
	}
	if say.preview != nil {
		s.Preview = say.preview.target
	}
	if say.mirror != nil {
		s.Mirror = say.mirror.target
	}
	if err := o.cfg.Traffic.Split(o.name, s); err != nil {
		o.log.Error("traffic could not be set", zap.Error(err))
		return
	}
	o.told = say
}

// rule is the policy by which requests are dealt: the rollout's once its candidate is
// seen, until then that of the one before.
func (o *owner) rule(rec Record, d desire, say *told) Policy {
	ro := rec.Rollout
	if ro == nil {
		return Policy{}
	}
	if o.told != nil && ro.Active() && d.rollout == "" {
		say.policy = o.told.policy
		return o.ruled
	}
	say.policy, o.ruled = ro.ID, ro.Policy
	return ro.Policy
}
