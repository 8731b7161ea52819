package rollout

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
)

// sign is one of a kind, with the policy's weight.
func (r *Rollout) newSign(kind policy.Sign, message string, now time.Time) module.Sign {
	return module.Sign{Kind: string(kind), Weight: r.Policy.Signs[kind], Message: message, At: now}
}

func (r *Rollout) shows(kind policy.Sign) bool {
	return slices.ContainsFunc(r.Signs, func(s module.Sign) bool { return s.Kind == string(kind) })
}

// diedOf is the sign that goes with the end of a process.
func diedOf(cause module.DeathCause) policy.Sign {
	switch cause {
	case module.DiedOfMemory:
		return policy.OOM
	case module.DiedOfSandbox:
		return policy.Sandbox
	}
	return policy.Crash
}

// fell deals with a candidate whose process is gone, or must go, by itself: where the
// signs together are no reason to take it back it is started again, and until then
// stable has its share.
func (o *owner) fell(ctx context.Context, p *process, kind policy.Sign, reason string) {
	now, ro := time.Now(), o.rec.Rollout
	if b := o.backoffOf(p.plan.Key); b.fell(p, now, reason) {
		_ = o.decide(ctx, spoiled{Reason: loop(reason)}, nil)
		return
	}
	_ = o.decide(ctx, signs{Fell: true, Signs: []module.Sign{ro.newSign(kind, reason, now), ro.newSign(policy.Restart, "had to be started again", now)}}, nil)
}

// stumbledOnTrial weighs what befell a release that has just got all traffic; it
// reports whether it gave way.
func (o *owner) stumbledOnTrial(ctx context.Context, kind policy.Sign, reason string) bool {
	_ = o.decide(ctx, signs{Signs: []module.Sign{o.rec.Rollout.newSign(kind, reason, time.Now())}}, nil)
	if f := analysis.Weigh(o.rec.Rollout.Signs); f.Verdict == module.Fail && o.rec.Previous != nil {
		o.giveWay(ctx, f.Reason)
		return true
	}
	return false
}

// heavy is how much more memory than stable is a sign: more than twice as much, and
// this much more.
const heavy = 64 << 20

// lookOut looks for the signs that come without an event. With last it is the last
// look before the candidate goes on.
func (o *owner) lookOut(ctx context.Context, last bool) {
	candidate, stable := o.sides()
	if candidate == nil {
		return
	}
	ro, now := o.rec.Rollout, time.Now()
	var found []module.Sign
	if stable != nil && !ro.shows(policy.Memory) {
		c, s := candidate.usage.Load(), stable.usage.Load()
		if c != nil && s != nil && s.Memory > 0 && c.Memory > 2*s.Memory && c.Memory-s.Memory >= heavy {
			found = append(found, ro.newSign(policy.Memory, fmt.Sprintf("it takes %d MiB of memory, stable %d MiB", c.Memory>>20, s.Memory>>20), now))
		}
	}
	if m := ro.Mirror; m != nil && !ro.shows(policy.Difference) && (last || m.Requests >= uint64(max(ro.Policy.MinRequests, 1))) {
		found = append(found, ro.differs(m, "mirrored", now)...)
	}
	if len(found) == 0 {
		return
	}
	if o.onTrial() {
		for _, s := range found {
			if o.stumbledOnTrial(ctx, policy.Sign(s.Kind), s.Message) {
				return
			}
		}
		return
	}
	_ = o.decide(ctx, signs{Signs: found}, nil)
}

// differs is a sign where more of the answers differ from stable's than the policy
// allows.
func (r *Rollout) differs(c *module.Comparison, what string, now time.Time) []module.Sign {
	most := full
	if r.Policy.MaxDifferences != nil {
		most = *r.Policy.MaxDifferences
	}
	if c == nil || c.Requests == 0 || c.Different*uint64(full) <= uint64(most)*c.Requests {
		return nil
	}
	return []module.Sign{r.newSign(policy.Difference, fmt.Sprintf("%d of %d %s requests were answered otherwise than by stable (tolerated: %s)", c.Different, c.Requests, what, most), now)}
}

func loop(reason string) string {
	return fmt.Sprintf("%d failures within %s, the last: %s", crashLimit, crashSpan, reason)
}
