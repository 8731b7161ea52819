package rollout

import (
	"fmt"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Every event is put to every record that can be reached in a few events. Whatever
// comes of it, weights sum to the whole, nothing gets more traffic before the save
// than it had, unless it was trusted, and no process is started before the save.
func TestOnTheWayFromOneRecordToTheNextNothingIsWidened(t *testing.T) {
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	release := func(version string) Plan {
		return Plan{Release: module.Release{Module: "m", Version: version, Digest: module.Digest(version)}}
	}
	gradual := Policy{Rollout: manifest.Rollout{Strategy: manifest.Gradual, Steps: []manifest.Weight{100, 5000, 10000}}, Window: new(manifest.Duration(time.Hour))}
	instant := Policy{Rollout: manifest.Rollout{Strategy: manifest.Instant, Steps: []manifest.Weight{10000}}, Window: new(manifest.Duration(time.Hour))}
	events := []any{started{}, warmed{}, opened{Gate: atEvidence}, spoiled{Reason: "bad"}, promote{}, abort{}, back{Warm: true}, back{}, remove{}, cooled{}}
	for _, version := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		events = append(events, offered{Plan: release(version), Policy: gradual}, offered{Plan: release(version), Policy: instant, Force: true})
	}
	seen := map[string]bool{}
	frontier := []Record{{Module: "m"}}
	transitions := 0
	for range 9 {
		var reached []Record
		for _, old := range frontier {
			for _, ev := range events {
				if b, ok := ev.(back); ok && b.Warm && (old.Previous == nil || old.WarmUntil.IsZero()) {
					continue // the owner never says warm of what does not run
				}
				rec, err := next(old, ev, at)
				if err != nil {
					continue
				}
				transitions++
				check(t, old, rec, ev, at)
				if shape := shapeOf(rec); !seen[shape] {
					seen[shape] = true
					reached = append(reached, rec)
				}
			}
		}
		frontier = reached
	}
	if len(seen) < 100 || transitions < 1000 {
		t.Errorf("only %d records and %d transitions were tried", len(seen), transitions)
	}
}

func check(t *testing.T, old, rec Record, ev any, at time.Time) {
	t.Helper()
	from, between, to := desired(old, at), narrowed(old, rec, at), desired(rec, at)
	complain := func(what string) {
		t.Helper()
		t.Errorf("%T from %s to %s: %s\nfrom %v\nbetween %v\nto %v", ev, shapeOf(old), shapeOf(rec), what, from.shares, between.shares, to.shares)
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
	}
	for key := range between.plans {
		if _, ran := from.plans[key]; !ran {
			complain(key + " is started before the save")
		}
	}
	for key, weight := range between.shares {
		trusted := old.Stable != nil && old.Stable.Key == key || old.Previous != nil && old.Previous.Key == key
		if !trusted && weight > from.shares[key] {
			complain(key + " is widened before the save")
		}
	}
	if rec.Stable == nil && len(to.shares) != 0 {
		complain("traffic without a stable release")
	}
	if old.Stable != nil && len(from.shares) > 0 && len(to.shares) > 0 && len(between.shares) == 0 {
		complain("nobody serves before the save")
	}
	if rec.Stable != nil && rec.Rollout.Active() && rec.Rollout.Candidate.Key == rec.Stable.Key {
		complain("the candidate and stable share a key")
	}
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
	if r.Rollout != nil {
		s += fmt.Sprintf("%s %s %d %s", r.Rollout.Phase, r.Rollout.Candidate.Version, r.Rollout.Step, r.Rollout.Policy.Strategy)
	}
	s += fmt.Sprint(r.WarmUntil.IsZero())
	for _, v := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		if d := r.decision(module.Digest(v)); d != nil {
			s += " " + string(d.State)
		}
	}
	return s
}
