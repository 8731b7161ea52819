package rollout_test

import (
	"errors"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

// lenient lets a candidate fall a few times.
func lenient(p *rollout.Policy) {
	p.Hold, p.Limit = new(manifest.Duration(time.Minute)), new(manifest.Duration(time.Minute))
	p.Signs = map[policy.Sign]manifest.Weight{policy.Crash: 2000, policy.OOM: 4000, policy.Sandbox: 10000, policy.Probes: 2000,
		policy.Restart: 1000, policy.Memory: 3000, policy.Difference: 3000}
}

func TestSignsAddUpUntilTheCandidateMustGo(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, lenient))
		w.pass(time.Second)
		w.instance("1.1.0").die(module.DiedOfMemory, "killed for lack of memory")
		w.pass(time.Millisecond)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 9900, "1.1.0": 100})
		w.wantEvent(module.RolloutSign, "killed for lack of memory")
		w.instance("1.1.0").sicken(errors.New("sick"))
		w.pass(4 * time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 9900, "1.1.0": 100})
		if signs := w.status().Rollout.Evidence.Signs; len(signs) != 4 || signs[0].Kind != "oom" || signs[2].Kind != "probes" || signs[3].Kind != "restart" {
			t.Errorf("signs %+v", signs)
		}
		w.crashHost() // what was seen is not forgotten
		w.pass(time.Second)
		w.instance("1.1.0").crash("exited with code 1")
		w.pass(time.Second)
		w.wantPhase(rollout.RolledBack, "100% together")
		if got := w.state("1.1.0"); got != module.Quarantined {
			t.Errorf("release is %s", got)
		}
	})
}

func TestABreachOfTheSandboxIsEnough(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, lenient))
		w.pass(time.Second)
		w.instance("1.1.0").die(module.DiedOfSandbox, "killed by SIGSYS")
		w.pass(time.Second)
		w.wantPhase(rollout.RolledBack, "SIGSYS")
	})
}

// One that falls now and then, and for no weight, is nobody's to blame.
func TestSignsThatWeighTooLittleEndARolloutWithoutBlame(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, approvals(policy.BeforeTraffic), func(p *rollout.Policy) {
			p.Signs, p.ApprovalTimeout = map[policy.Sign]manifest.Weight{}, new(manifest.Duration(1000*time.Hour))
		}))
		for range 20 { // two signs each
			w.pass(time.Hour)
			w.wantPhase(rollout.Checking, "")
			w.instance("1.1.0").crash("exited with code 1")
		}
		w.pass(time.Second)
		w.wantPhase(rollout.Failed, "40 signs were seen, which together weigh too little to decide; the last: had to be started again")
		if got := w.state("1.1.0"); got != module.Failed {
			t.Errorf("release is %s", got)
		}
	})
}

func TestACandidateThatFallsForNoWeightDoesNotFallForEver(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, lenient, func(p *rollout.Policy) { p.Signs = nil }))
		for range 5 {
			w.pass(3 * time.Second)
			if inst := w.instance("1.1.0"); inst != nil {
				inst.crash("exited with code 1")
			}
		}
		w.pass(time.Second)
		w.wantPhase(rollout.RolledBack, "5 failures within 1m0s")
	})
}

func TestMuchMoreMemoryThanStableIsASignOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.instance("1.0.0").uses(50 << 20)
		_ = w.offer("1.1.0", like(manifest.Gradual, lenient))
		w.pass(time.Second)
		w.instance("1.1.0").uses(110 << 20) // more than twice, but not by much
		w.pass(5 * time.Second)
		if signs := w.status().Rollout.Evidence.Signs; len(signs) != 0 {
			t.Errorf("signs %+v", signs)
		}
		w.instance("1.1.0").uses(150 << 20)
		w.pass(5 * time.Second)
		ro := w.status().Rollout
		if len(ro.Evidence.Signs) != 1 || ro.Evidence.Signs[0].Kind != "memory" || ro.Usage.Memory != 150<<20 {
			t.Errorf("signs %+v, usage %+v", ro.Evidence.Signs, ro.Usage)
		}
	})
}

func TestMemoryAfterASwitchLeadsBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.instance("1.0.0").uses(50 << 20)
		_ = w.offer("1.1.0", like(manifest.Instant, func(p *rollout.Policy) { p.Signs = map[policy.Sign]manifest.Weight{policy.Memory: 10000} }))
		w.pass(time.Second)
		w.instance("1.1.0").uses(500 << 20)
		w.pass(5 * time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		w.wantEvent(module.ReleaseQuarantine, "it takes 500 MiB of memory, stable 50 MiB")
	})
}

func TestBluegreenLooksAtTheMirrorBeforeItSwitches(t *testing.T) {
	mirror := func(p *rollout.Policy) {
		p.Mirror.Share, p.MaxDifferences, p.MinRequests = new(manifest.Weight(5000)), new(manifest.Weight(100)), 20
	}
	for name, different := range map[string]uint64{"good": 0, "bad": 3} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.activate("1.0.0")
				_ = w.offer("1.1.0", like(manifest.Bluegreen, mirror))
				w.pass(time.Second)
				w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
				w.wantPhase(rollout.Checking, "")
				if w.shown.Preview == nil || w.shown.Mirror == nil || w.shown.Rollout != "hello-2" {
					t.Errorf("told %+v", w.shown)
				}
				w.mu.Lock()
				for _, target := range w.targets {
					if target.rel.Version == "1.1.0" {
						target.mirror = module.Comparison{Requests: 100, Different: different}
					}
				}
				w.mu.Unlock()
				w.pass(10 * time.Second)
				if different > 0 {
					w.wantPhase(rollout.Failed, "3 of 100 mirrored requests")
					return
				}
				w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
				if w.shown.Preview != nil || w.shown.Mirror != nil || w.shown.Rollout != "hello-2" {
					t.Errorf("told after the switch %+v", w.shown)
				}
				w.serve("1.1.0", 20, 20, 0)
				w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
			})
		})
	}
}
