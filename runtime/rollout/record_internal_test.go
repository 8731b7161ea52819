package rollout

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// A record is written whole with each decision, so it must stay small whatever happens.
func TestARecordStaysSmall(t *testing.T) {
	const most = 64 << 10
	now := time.Date(2026, 1, 1, 12, 0, 0, 123456789, time.UTC)
	long := strings.Repeat("9104 of 9154 requests failed; ", 40)
	plan := func(n int) Plan {
		return Plan{Release: module.Release{Module: "hello", Version: fmt.Sprintf("1.%d.0", n), Digest: module.Digest(fmt.Sprintf("%064x", n))}, Routes: []manifest.Route{{Path: "/hello"}}}
	}
	how := policy.Default()
	how.Steps = nil
	for n := range 19 {
		how.Steps = append(how.Steps, manifest.Weight(100*(n+1)))
	}
	how.Steps = append(how.Steps, manifest.Full)
	how.Signs = map[policy.Sign]manifest.Weight{}
	rec := Record{Module: "hello"}
	step := func(ev any) {
		t.Helper()
		after, err := next(rec, ev, now)
		if err != nil {
			t.Fatal(err)
		}
		if after.Rollout != nil {
			after.Rollout.saved(time.Millisecond)
		}
		rec, now = after, now.Add(time.Second)
	}
	for n := range 250 {
		step(offered{Plan: plan(n), Policy: how})
		step(started{})
		step(warmed{})
		if n == 0 {
			continue
		}
		step(spoiled{Reason: long})
		for len(rec.Unfiled) > 0 {
			step(filed{ID: rec.Unfiled[0].ID, Phase: rec.Unfiled[0].Phase, Verdict: rec.Unfiled[0].Verdict})
		}
	}
	step(offered{Plan: plan(1000), Policy: how})
	step(started{})
	step(warmed{})
	for range maxSigns - 1 {
		step(signs{Signs: []module.Sign{{Kind: "memory", Message: long, At: now}}})
	}
	for rec.Rollout.Step < len(how.Steps) {
		step(opened{Gate: atEvidence})
	}
	raw, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Decisions) != maxDecisions || len(rec.Rollout.Signs) != maxSigns-1 || len(rec.Rollout.Evidence) != 20 {
		t.Fatalf("%d decisions, %d signs, %d steps", len(rec.Decisions), len(rec.Rollout.Signs), len(rec.Rollout.Evidence))
	}
	decisions, _ := json.Marshal(rec.Decisions)
	rollout, _ := json.Marshal(rec.Rollout)
	t.Logf("%d bytes: %d of decisions, %d of the rollout", len(raw), len(decisions), len(rollout))
	if len(raw) > most {
		t.Errorf("the record is %d bytes, more than %d: %d of decisions, %d of the rollout", len(raw), most, len(decisions), len(rollout))
	}
	for _, d := range rec.Decisions {
		if len(d.Reason) > 120 {
			t.Fatalf("a decision's reason has %d bytes", len(d.Reason))
		}
	}
	step(promote{Actor: module.Actor{Kind: "user", Name: "alice"}})
	kept, _ := json.Marshal(rec.Unfiled[0])
	whole, _ := json.Marshal(rec.Rollout)
	if len(kept) >= len(whole) || len(rolloutStatus(&rec.Unfiled[0], now).Steps) != 20 {
		t.Errorf("what waits for the history has %d bytes, the rollout %d", len(kept), len(whole))
	}
}

func TestTheSavesOfARolloutAreOnePhase(t *testing.T) {
	r := &Rollout{}
	for range 3 {
		r.saved(time.Millisecond)
		r.timed("step", time.Second)
	}
	if len(r.Phases) != 4 || r.Phases[0] != (module.PhaseTime{Name: "save", Micros: 3000}) {
		t.Errorf("phases %+v", r.Phases)
	}
}
