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
	case module.DiedOfQuota:
		return policy.Quota
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
	_, stable := o.sides()
	found := append(ro.misdeeds(p, stable, now), ro.newEnd(kind, reason, now), ro.newSign(policy.Restart, "had to be started again", now))
	_ = o.decide(ctx, signs{Fell: true, Signs: found}, nil)
}

// stumbledOnTrial weighs what befell a release that has just got all traffic; it
// reports whether it gave way.
func (o *owner) stumbledOnTrial(ctx context.Context, kind policy.Sign, reason string) bool {
	return o.weighOnTrial(ctx, o.rec.Rollout.newEnd(kind, reason, time.Now()))
}

// weighOnTrial adds signs against a release that is on trial; it reports whether it gave
// way to its predecessor.
func (o *owner) weighOnTrial(ctx context.Context, found ...module.Sign) bool {
	_ = o.decide(ctx, signs{Signs: found}, nil)
	if f := analysis.Weigh(o.rec.Rollout.Signs); f.Verdict == module.Fail && o.rec.Previous != nil {
		o.giveWay(ctx, f.Reason)
		return true
	}
	return false
}

// newEnd is the sign of a process's end. One that a quota has ended weighs as a crash at
// least: a quota that was reached and leaves the process running is less than that.
func (r *Rollout) newEnd(kind policy.Sign, reason string, now time.Time) module.Sign {
	s := r.newSign(kind, reason, now)
	if kind == policy.Quota {
		s.Weight = max(s.Weight, r.Policy.Signs[policy.Crash])
	}
	return s
}

// misdeeds are the signs of what the candidate tried and may not, and of the quotas that
// it reached: each once in a rollout, and none that stable has shown as well, nor one that
// the process died of, as its end is a sign of its own. With no
// stable beside it there are none, as nothing tells what is usual; nor where they weigh
// nothing, as they may be many.
func (r *Rollout) misdeeds(candidate, stable *process, now time.Time) []module.Sign {
	if candidate == nil || stable == nil {
		return nil
	}
	tried, usual := candidate.denials.Load(), stable.denials.Load()
	if tried == nil || usual == nil {
		return nil
	}
	var found []module.Sign
	for _, d := range *tried {
		kind, text := policy.Denial, fmt.Sprintf("denied by %s, and not tried by stable: %s", d.By, d.What)
		if d.By == module.ByQuota {
			kind, text = policy.Quota, "reached a quota, and stable did not: "+d.What
		}
		s := r.newSign(kind, module.Clip(Brief(text), maxSign), now)
		same := func(t module.Sign) bool { return t.Kind == s.Kind && t.Message == s.Message }
		if s.Weight == 0 || d.Fatal || len(r.Signs)+len(found) >= maxSigns || slices.ContainsFunc(*usual, d.Same) ||
			slices.ContainsFunc(r.Signs, same) || slices.ContainsFunc(found, same) {
			continue
		}
		found = append(found, s)
	}
	return found
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
		// Process by process: they may not be as many on both sides.
		c, s := candidate.largest.Load(), stable.largest.Load()
		if s > 0 && c > 2*s && c-s >= heavy {
			found = append(found, ro.newSign(policy.Memory, fmt.Sprintf("it takes %d MiB of memory, stable %d MiB", c>>20, s>>20), now))
		}
	}
	if m := ro.Mirror; m != nil && !ro.shows(policy.Difference) && (last || m.Requests >= uint64(max(ro.Policy.MinRequests, 1))) {
		found = append(found, ro.differs(m, "mirrored", now)...)
	}
	if last && stable != nil {
		candidate.denials.Store(new(candidate.inst.Denials()))
	}
	found = append(found, ro.misdeeds(candidate, stable, now)...)
	if len(found) == 0 {
		return
	}
	if o.onTrial() {
		o.weighOnTrial(ctx, found...)
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
	return fmt.Sprintf("%d failures within %s, the last: %s", CrashLimit, CrashSpan, reason)
}
