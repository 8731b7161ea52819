package rollout

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

var (
	frozenAt = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	thawed   = frozenAt.Add(24 * time.Hour)
)

// model are the events that are put to every record, each with its time.
func model() (events []any) {
	like := func(strategy manifest.Strategy, change func(*Policy)) Policy {
		p := policy.Default()
		p.Strategy, p.Steps = strategy, []manifest.Weight{100, 10000}
		p.Signs = map[policy.Sign]manifest.Weight{policy.Crash: 6000}
		if change != nil {
			change(&p)
		}
		return p
	}
	queue := func(p *Policy) { p.OnNew = policy.Queue }
	gated := func(p *Policy) {
		p.Freeze = []policy.Window{"2030-01-01 00:00 - 2030-01-02 00:00 UTC"}
		p.Approvals = []policy.Point{policy.BeforeStart, policy.EachStep}
		p.Hooks = map[policy.Point]string{policy.BeforeTraffic: "http://127.0.0.1/"}
		p.Checks = []policy.Check{{Path: "/"}}
	}
	release := func(version string) Plan {
		return Plan{Release: module.Release{Module: "m", Version: version, Digest: module.Digest(version)}}
	}
	return []any{
		offered{Plan: release("1.0.0"), Policy: like(manifest.Instant, nil)},
		offered{Plan: release("1.1.0"), Policy: like(manifest.Gradual, nil)},
		offered{Plan: release("1.1.0"), Policy: like(manifest.Gradual, gated), Force: true},
		offered{Plan: release("1.2.0"), Policy: like(manifest.Bluegreen, func(p *Policy) { p.Mirror.Share = new(manifest.Weight(100)) })},
		offered{Plan: release("1.2.0"), Policy: like(manifest.Gradual, queue)},
		dequeue{}, started{}, warmed{}, elapsed{}, doubted{Reason: "bad"}, spoiled{Reason: "bad"}, spoiled{Reason: "no disk", Blameless: true},
		condemned{Reason: "bad"}, tried{}, signs{Signs: []module.Sign{{Kind: "crash", Weight: 6000, Message: "crashed"}}, Fell: true},
		opened{Gate: atEvidence}, opened{Gate: atChecks}, opened{Gate: atHold, Unproven: true}, opened{Gate: "hook:before_traffic"},
		promote{}, abort{}, pause{}, resume{}, approve{}, back{}, back{Warm: true}, back{Warm: true, Failed: true}, back{Stepped: true}, back{Warm: true, Stepped: true}, remove{}, cooled{},
	}
}

// Every event is put to every record that can be reached, at a time when what may be
// frozen is and at one when it is not.
func TestNoEventBreaksWhatAlwaysHolds(t *testing.T) {
	const most = 6000 // records; their neighbours are still tried
	events := model()
	seen := map[string]bool{}
	frontier := []Record{{Module: "m"}}
	transitions, kinds := 0, map[string]bool{}
	for len(frontier) > 0 && !t.Failed() {
		var reached []Record
		for _, old := range frontier {
			before := shapeOf(old)
			for _, ev := range events {
				for _, at := range []time.Time{frozenAt, thawed} {
					if b, ok := ev.(back); ok && b.Warm && (old.Previous == nil || old.WarmUntil.IsZero()) {
						continue // the owner never says warm of what does not run
					}
					rec, err := next(old, ev, at)
					if err != nil {
						continue
					}
					transitions++
					kinds[fmt.Sprintf("%T", ev)] = true
					check(t, old, rec, ev, at)
					if shape := shapeOf(rec); !seen[shape] && len(seen) < most {
						seen[shape] = true
						rec.Unfiled = nil
						reached = append(reached, rec)
						checkAlone(t, rec, at)
					}
				}
			}
			if shapeOf(old) != before {
				t.Fatalf("an event changed the record that it met: %s, now %s", before, shapeOf(old))
			}
		}
		frontier = reached
	}
	t.Logf("%d records, %d transitions", len(seen), transitions)
	if len(seen) < 5000 || transitions < 50_000 || len(kinds) < 18 {
		t.Errorf("only %d records, %d transitions and %d kinds of events were tried", len(seen), transitions, len(kinds))
	}
}

// check holds two records that follow on each other to the rules.
func check(t *testing.T, old, rec Record, ev any, at time.Time) {
	t.Helper()
	from, between, to := desired(old, at), narrowed(old, rec, at), desired(rec, at)
	complain := func(what string) {
		t.Helper()
		t.Errorf("%T%+v from %s to %s: %s\nfrom %v\nbetween %v\nto %v", ev, ev, shapeOf(old), shapeOf(rec), what, from, between, to)
	}
	for _, d := range []desire{from, between, to} {
		var sum manifest.Weight
		for key, weight := range d.shares {
			sum += weight
			if _, runs := d.plans[key]; !runs {
				complain(key + " has traffic but may not run")
			}
		}
		if sum != 0 && sum != manifest.Full {
			complain(fmt.Sprintf("weights sum to %d", sum))
		}
		for _, key := range append([]string{d.preview, d.mirror}, d.heirs...) {
			if _, runs := d.plans[key]; key != "" && !runs {
				complain(key + " is seen, or an heir, but may not run")
			}
		}
	}
	for key := range between.plans {
		if _, ran := from.plans[key]; !ran {
			complain(key + " is started before the save")
		}
	}
	for _, key := range between.heirs {
		if !slices.Contains(from.heirs, key) && key != keyOf(old.Stable) && key != keyOf(old.Previous) {
			complain(key + " is an heir before the save")
		}
	}
	for key, weight := range between.shares {
		trusted := old.Stable != nil && old.Stable.Key == key || old.Previous != nil && old.Previous.Key == key
		if !trusted && weight > from.shares[key] {
			complain(key + " is widened before the save")
		}
	}
	if between.preview != "" && between.preview != from.preview || between.mirror != "" && between.mirror != from.mirror {
		complain("somebody is shown before the save")
	}
	if from.most != 0 && between.most == 0 && between.shares[from.preview] > 0 {
		complain("the cap is lifted before the save")
	}
	if old.Stable != nil && len(from.shares) > 0 && len(to.shares) > 0 && len(between.shares) == 0 {
		complain("nobody serves before the save")
	}
	switch ev.(type) {
	case remove, condemned:
	default:
		if old.Stable != nil && rec.Stable == nil {
			complain("stable is lost")
		}
	}
	began := rec.Count > old.Count
	if of, ok := ev.(offered); began && (!ok || !of.Force) {
		d := old.decision(rec.Rollout.Candidate.Digest)
		if _, wayBack := ev.(back); !wayBack && d != nil && d.State == module.Quarantined && !(old.Queued != nil && old.Queued.Force) {
			complain("a release in quarantine is tried again")
		}
	}
	if p, ok := ev.(pause); ok || old.Rollout.Active() && old.Rollout.Paused != nil {
		_ = p
		switch ev.(type) { // those an operator answers for, and those that narrow
		case promote, back, remove, resume, offered, dequeue, abort:
		default:
			if old.Rollout.ID == rec.Rollout.ID && rec.Rollout.Weight() > old.Rollout.Weight() && old.Rollout.Phase != Starting && old.Rollout.Phase != Warming {
				complain("it widened while it was paused")
			}
		}
	}
	if old.Rollout.Active() && (began || !rec.Rollout.Active()) && !slices.ContainsFunc(rec.Unfiled, func(u Rollout) bool { return u.ID == old.Rollout.ID && !u.Active() }) {
		complain("the end of a rollout is in no history")
	}
	if old.onTrial() && !rec.onTrial() && !slices.ContainsFunc(rec.Unfiled, func(u Rollout) bool { return u.ID == old.Rollout.ID && u.Verdict != module.Pending }) {
		complain("the end of a trial is in no history")
	}
}

// checkAlone holds one record to the rules.
func checkAlone(t *testing.T, rec Record, at time.Time) {
	t.Helper()
	ro := rec.Rollout
	complain := func(what string) {
		t.Helper()
		t.Errorf("%s: %s", shapeOf(rec), what)
	}
	if rec.Stable == nil && len(desired(rec, at).shares) != 0 {
		complain("traffic without a stable release")
	}
	if rec.Stable != nil && ro.Active() && ro.Candidate.Key == rec.Stable.Key {
		complain("the candidate and stable share a key")
	}
	if ro != nil && !ro.Active() && (ro.Paused != nil || ro.Ended.IsZero() || (ro.Verdict == module.Pending) != rec.onTrial()) {
		complain("it is over, and is not")
	}
	if ro.Active() && ro.Phase == Shifting && len(ro.Evidence) == 0 {
		complain("nothing is judged")
	}
	if ro.Active() && ro.Phase == Pending {
		if _, runs := desired(rec, at).plans[ro.Candidate.Key]; runs {
			complain("it is pending and runs")
		}
	}
	if ended, err := next(rec, abort{}, at); ro.Active() && (err != nil || ended.Rollout.Active()) {
		complain(fmt.Sprintf("it cannot be aborted: %v", err))
	}
	if ro.Active() && !moves(rec) {
		complain("it is stuck")
	}
	if ready, _ := next(rec, dequeue{}, at); !ro.Active() && ready.Queued != nil {
		complain("what waits, waits for ever")
	}
	text, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	var read Record
	if err := json.Unmarshal(text, &read); err != nil || shapeOf(read) != shapeOf(rec) {
		complain(fmt.Sprintf("reads as %s (%v)", shapeOf(read), err))
	}
	woken := desired(read.revive(), at)
	if rec.Stable != nil && woken.shares[rec.Stable.Key] != manifest.Full {
		complain(fmt.Sprintf("after a restart the traffic is %v", woken.shares))
	}
}

// moves reports whether the rollout gets to its end when all that it waits for comes.
func moves(rec Record) bool {
	if rec.Rollout.Paused != nil {
		rec, _ = next(rec, resume{}, thawed)
	}
	for range 50 {
		if !rec.Rollout.Active() {
			return true
		}
		var ev any = elapsed{}
		g, waits := rec.Rollout.nextGate(thawed)
		switch {
		case rec.Rollout.Phase == Starting || rec.Rollout.Phase == Warming:
			ev = warmed{}
		case waits && g.kind == atApproval:
			ev = approve{}
		case waits:
			ev = opened{Gate: g.name()}
		}
		rec, _ = next(rec, ev, thawed)
	}
	return false
}

func shapeOf(r Record) string {
	s := ""
	for _, p := range []*Plan{r.Stable, r.Previous} {
		if p == nil {
			s += "- "
		} else {
			s += p.Version + " "
		}
	}
	if ro := r.Rollout; ro != nil {
		s += fmt.Sprintf("%s %s %d %s %v %v %v %d %d %v %v", ro.Phase, ro.Candidate.Version, ro.Step, ro.strategy(), ro.Passed, ro.Paused != nil, ro.Condemns, len(ro.Doubts), len(ro.Signs), len(ro.Policy.Checks) > 0, r.onTrial())
	}
	if r.Queued != nil {
		s += " then " + r.Queued.Plan.Version
	}
	s += fmt.Sprint(r.WarmUntil.IsZero())
	for _, v := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		if d := r.decision(module.Digest(v)); d != nil && d.State == module.Quarantined {
			s += " not " + v
		}
	}
	return s
}
