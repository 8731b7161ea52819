package rollout_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

// slowly is a policy whose steps last long enough to be looked at.
func slowly(p *rollout.Policy) {
	p.Hold, p.Limit = new(manifest.Duration(time.Minute)), new(manifest.Duration(time.Minute))
}

func TestWhatACandidateIsDeniedAndStableIsNotSpeaksAgainstIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.instance("1.0.0").denied("seccomp", "ptrace")
		w.pass(2 * time.Second)
		_ = w.offer("1.1.0", like(manifest.Gradual, slowly))
		w.pass(time.Second)
		w.instance("1.1.0").denied("seccomp", "ptrace") // as stable
		w.pass(3 * time.Second)
		if signs := w.status().Rollout.Evidence.Signs; len(signs) != 0 {
			t.Errorf("signs %+v", signs)
		}
		w.instance("1.1.0").denied("gateway", "connect "+api)
		w.pass(3 * time.Second)
		w.instance("1.1.0").denied("gateway", "connect "+api) // once more
		w.pass(3 * time.Second)
		signs := w.status().Rollout.Evidence.Signs
		if len(signs) != 1 || signs[0].Kind != "denial" || signs[0].Weight != 5000 || signs[0].Message != "denied by gateway, and not tried by stable: connect "+api {
			t.Fatalf("signs %+v", signs)
		}
		w.wantPhase(rollout.Shifting, "")
		w.instance("1.1.0").denied("landlock", "read /etc/shadow")
		w.pass(3 * time.Second)
		w.wantPhase(rollout.RolledBack, "read /etc/shadow (50%): 100% together")
		if got := w.state("1.1.0"); got != module.Quarantined {
			t.Errorf("release is %s", got)
		}
	})
}

func TestADenialCountsOnceInARolloutWhicheverProcessMeetsIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, slowly, func(p *rollout.Policy) {
			p.Signs = map[policy.Sign]manifest.Weight{policy.Denial: 5000, policy.Crash: 1000}
		}))
		what := "connect " + strings.Repeat("a", 300) + ".example.com:443"
		for range 2 {
			w.pass(time.Second)
			w.instance("1.1.0").denied("gateway", what)
			w.pass(2 * time.Second)
			w.instance("1.1.0").crash("exited with code 1")
		}
		w.crashHost()
		w.pass(time.Second)
		w.instance("1.1.0").denied("gateway", what)
		w.pass(3 * time.Second)
		n := 0
		for _, s := range w.status().Rollout.Evidence.Signs {
			if s.Kind == "denial" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d signs of one denial: %+v", n, w.status().Rollout.Evidence.Signs)
		}
	})
}

func TestAProcessIsAskedAtItsEndWhatItWasDenied(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, slowly, func(p *rollout.Policy) {
			p.Signs = map[policy.Sign]manifest.Weight{policy.Denial: 100, policy.Crash: 200}
		}))
		w.pass(1500 * time.Millisecond)
		inst := w.instance("1.1.0")
		inst.denied("seccomp", "mount")
		inst.crash("exited with code 1")
		w.pass(time.Millisecond)
		signs := w.status().Rollout.Evidence.Signs
		if len(signs) != 3 || signs[0].Kind != "denial" || signs[1].Kind != "crash" || signs[2].Kind != "restart" {
			t.Errorf("signs %+v", signs)
		}
	})
}

func TestDenialsOfNoWeightAreShownAndNotWeighed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, func(p *rollout.Policy) { p.Signs = map[policy.Sign]manifest.Weight{policy.Denial: 0} }))
		w.pass(time.Second)
		for i := range 100 {
			w.instance("1.1.0").denied("gateway", fmt.Sprintf("connect 10.0.0.%d:1", i))
		}
		w.pass(3 * time.Second)
		s := w.status()
		if len(s.Rollout.Evidence.Signs) != 0 || len(s.Candidate.Denials) != 100 {
			t.Errorf("signs %+v, %d denials", s.Rollout.Evidence.Signs, len(s.Candidate.Denials))
		}
		w.settleGradual()
		w.wantPhase(rollout.Promoted, "")
	})
}

// With nothing beside it nobody can tell what is usual.
func TestDenialsOfAFirstReleaseAreNotWeighed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		_ = w.offer("1.0.0", like(manifest.Gradual, approvals(policy.BeforeTraffic)))
		w.pass(time.Second)
		for _, what := range []string{"connect " + api, "ptrace", "mount"} {
			w.instance("1.0.0").denied("seccomp", what)
		}
		w.pass(3 * time.Second)
		if err := w.decide(""); err != nil {
			t.Fatal(err)
		}
		w.pass(20 * time.Second)
		w.wantPhase(rollout.Promoted, "")
	})
}

func TestAQuotaThatIsReachedWeighsHalfAndOneThatEndsTheProcessAsMuchAsACrash(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.instance("1.0.0").denied(module.ByQuota, "log_lines")
		w.pass(2 * time.Second)
		_ = w.offer("1.1.0", like(manifest.Gradual, slowly))
		w.pass(time.Second)
		w.instance("1.1.0").denied(module.ByQuota, "log_lines")
		w.instance("1.1.0").denied(module.ByQuota, "storage")
		w.pass(3 * time.Second)
		signs := w.status().Rollout.Evidence.Signs
		if len(signs) != 1 || signs[0].Kind != "quota" || signs[0].Weight != 5000 || signs[0].Message != "reached a quota, and stable did not: storage" {
			t.Errorf("signs %+v", signs)
		}
		_ = w.engine.Abort(t.Context(), by(alice))
		w.pass(time.Second)

		_ = w.offer("1.2.0", like(manifest.Gradual, slowly))
		w.pass(time.Second)
		w.instance("1.2.0").die(module.DiedOfQuota, "processor time quota of 10s reached")
		w.pass(time.Second)
		ro := w.wantPhase(rollout.RolledBack, "was ended: processor time quota of 10s reached (100%)")
		if signs := ro.Evidence.Signs; len(signs) != 1 || signs[0].Kind != "quota" {
			t.Errorf("signs %+v", signs)
		}
	})
}

func TestTheQuotaThatAProcessDiedOfIsOneSignAlone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.pass(2 * time.Second)
		_ = w.offer("1.1.0", like(manifest.Gradual, slowly))
		w.pass(time.Second)
		inst := w.instance("1.1.0")
		inst.Deny(module.Denial{By: module.ByQuota, What: "cpu_time", Fatal: true})
		inst.die(module.DiedOfQuota, "CPU time quota of 10s reached")
		w.pass(time.Second)
		ro := w.wantPhase(rollout.RolledBack, "was ended: CPU time quota of 10s reached (100%)")
		if signs := ro.Evidence.Signs; len(signs) != 1 {
			t.Errorf("signs %+v", signs)
		}
	})
}

func TestWhatAReleaseFellOfIsToldWhileItServesAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.instance("1.0.0").denied(module.ByQuota, "log_lines")
		w.instance("1.0.0").denied("seccomp", "ptrace")
		for range 2 {
			inst := w.instance("1.0.0")
			inst.Deny(module.Denial{By: module.ByQuota, What: "memory", Hint: "raise it", Fatal: true})
			inst.die(module.DiedOfMemory, "memory quota of 1 GiB reached")
			w.pass(2 * time.Minute) // long enough for its backoff to forget
		}
		w.instance("1.0.0").denied(module.ByQuota, "log_lines")
		s := w.status().Stable
		if s.State != module.Serving || s.Restarts != 2 || s.Reason != "" {
			t.Errorf("it is %+v", s)
		}
		if f := s.Fell; f == nil || f.Reason != "crashed: memory quota of 1 GiB reached" || f.Quota != "memory" || f.Hint != "raise it" || time.Since(f.At) > 3*time.Minute {
			t.Errorf("it fell %+v", f)
		}
		counts := map[string]uint64{}
		for _, d := range s.Denials {
			counts[d.What] += d.Count
		}
		if len(s.Denials) != 2 || counts["memory"] != 2 || counts["log_lines"] != 2 {
			t.Errorf("denials %+v", s.Denials)
		}
	})
}

func TestDenialsAfterASwitchLeadBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", instant)
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
		w.instance("1.1.0").denied("gateway", "connect "+api)
		w.instance("1.1.0").denied("gateway", "connect "+mail)
		w.pass(3 * time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		w.wantEvent(module.ReleaseQuarantine, "connect "+mail)
	})
}

func TestAProcessShowsWhatHoldsItInAndWhatItWasDenied(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.instance("1.0.0").denied("gateway", "connect "+api)
		w.instance("1.0.0").denied("gateway", "connect "+api)
		s := w.status()
		if s.Stable.Sandbox == nil || s.Stable.Sandbox.Level != module.LevelConfined || len(s.Stable.Sandbox.Layers) != 1 {
			t.Errorf("sandbox %+v", s.Stable.Sandbox)
		}
		if d := s.Stable.Denials; len(d) != 1 || d[0].Count != 2 || d[0].What != "connect "+api {
			t.Errorf("denials %+v", d)
		}
		list := w.engine.Statuses()
		if len(list) != 1 || list[0].Stable.Sandbox.Layers != nil || list[0].Stable.Sandbox.Level != module.LevelConfined || len(list[0].Stable.Denials) != 1 {
			t.Errorf("listed %+v", list[0].Stable)
		}
		if again := w.status(); len(again.Stable.Sandbox.Layers) != 1 {
			t.Error("a list has changed what is shown of one")
		}
	})
}
