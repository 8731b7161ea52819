package rollout_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestARunningReleaseIsSettledOnceItHasStoodItsTrial(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		_ = w.offer("1.0.0", instant)
		w.pass(time.Second)
		if !w.instance("1.0.0").isSettled() {
			t.Error("a first release that serves is not: there is nothing to go back to")
		}
		w.pass(20 * time.Second)
		_ = w.offer("1.1.0", instant)
		w.pass(time.Second)
		if s := w.status(); s.Stable.Version != "1.1.0" || s.Rollout.Verdict != module.Pending {
			t.Fatalf("%+v", s.Rollout)
		}
		if w.instance("1.1.0").isSettled() {
			t.Error("one on trial is")
		}
		w.pass(20 * time.Second)
		if !w.instance("1.1.0").isSettled() {
			t.Error("one that has stood its trial is not")
		}
		_ = w.offer("1.2.0", gradual)
		for range 25 {
			w.pass(time.Second)
			if s := w.status(); s.Rollout.Ended.IsZero() && w.instance("1.2.0").isSettled() {
				t.Fatalf("a candidate is, %s", s.Rollout.Phase)
			}
		}
		w.pass(20 * time.Second)
		if s := w.status(); s.Stable.Version != "1.2.0" || !w.instance("1.2.0").isSettled() {
			t.Errorf("one that is promoted is not: %+v", s.Rollout)
		}
	})
}

func TestAReleaseIsSettledAgainAfterARestartOfTheHost(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.activate("1.1.0")
		w.crashHost()
		w.pass(time.Second)
		if !w.instance("1.1.0").isSettled() {
			t.Error("it is not")
		}
	})
}

// inLoop is what a probe answers of members that fall in a loop.
var inLoop = fmt.Errorf("%w: five within a minute", rollout.ErrLoop)

func TestAReleaseWhoseMembersFallInALoopGivesWayToItsPredecessor(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.activate("1.1.0")
		w.instance("1.1.0").sicken(inLoop)
		w.pass(2 * time.Second)
		s := w.status()
		if s.Stable.Version != "1.0.0" || !strings.Contains(s.Rollout.Reason, "in a loop") {
			t.Errorf("%s is stable: %+v", s.Stable.Version, s.Rollout)
		}
		w.wantSplit(map[string]manifest.Weight{"1.0.0": manifest.Full})
	})
}

func TestAReleaseWithoutAPredecessorServesOnWithTheMembersThatDoNotFall(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		only := w.instance("1.0.0")
		only.sicken(inLoop)
		w.pass(time.Second)
		only.sicken(nil)
		w.pass(10 * time.Second)
		if w.instance("1.0.0") != only {
			t.Error("another took its place")
		}
		w.wantEvent(module.InstanceUnwell, "in a loop")
		w.wantSplit(map[string]manifest.Weight{"1.0.0": manifest.Full})
	})
}

func TestMembersAreShownInTheStateOfTheirRelease(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		for _, version := range []string{"1.0.0", "1.1.0"} {
			inst := w.instance(version)
			inst.mu.Lock()
			inst.members = []module.Member{{Instance: "x-1", PID: 1, State: module.Serving}, {Instance: "x-2", State: module.Restarting}}
			inst.mu.Unlock()
		}
		s := w.status()
		states := func(r *module.ReleaseStatus) (all []module.ReleaseState) {
			for _, m := range r.Members {
				all = append(all, m.State)
			}
			return all
		}
		if got := states(s.Stable); !slices.Equal(got, []module.ReleaseState{module.Serving, module.Restarting}) {
			t.Errorf("stable's are %v", got)
		}
		if got := states(s.Candidate); !slices.Equal(got, []module.ReleaseState{module.Shifting, module.Restarting}) {
			t.Errorf("the candidate's are %v", got)
		}
	})
}

func TestMemoryIsComparedProcessByProcess(t *testing.T) {
	for _, tt := range []struct {
		name    string
		members []int64 // MiB
		signs   int
	}{
		{"more of them", []int64{100, 100, 100}, 0},
		{"one that takes too much", []int64{100, 300, 100}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.activate("1.0.0")
				w.instance("1.0.0").uses(100 << 20)
				_ = w.offer("1.1.0", gradual)
				w.pass(time.Second)
				inst := w.instance("1.1.0")
				inst.mu.Lock()
				for _, mib := range tt.members {
					inst.members = append(inst.members, module.Member{Usage: module.Usage{Memory: mib << 20}})
					inst.usage.Memory += mib << 20
				}
				inst.mu.Unlock()
				w.pass(3 * time.Second)
				s := w.status()
				if n := len(s.Rollout.Evidence.Signs); n != tt.signs {
					t.Errorf("signs: %+v", s.Rollout.Evidence.Signs)
				}
			})
		})
	}
}

// lasting gives the version a long answer that does not end by itself.
func (w *world) lasting(version string) {
	target := w.target(version)
	w.mu.Lock()
	defer w.mu.Unlock()
	target.lasts = true
}

func TestALongAnswerHoldsUpNoRollout(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		w.lasting("1.1.0")
		if err := w.engine.Abort(w.t.Context(), by(alice)); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Millisecond)
		if s := w.status(); s.State != module.RollingBack || s.Candidate == nil || s.Candidate.State != module.Draining {
			t.Errorf("while plain requests may be there it is %s: %+v", s.State, s.Candidate)
		}
		w.pass(time.Second) // the time of plain requests
		if s := w.status(); s.State != module.Active || s.Candidate != nil {
			t.Errorf("with a long answer alone it is %s: %+v", s.State, s.Candidate)
		}
		w.activate("1.2.0")
		if w.instance("1.1.0") == nil {
			t.Error("the process with the long answer is gone")
		}
		w.pass(5 * time.Minute)
		if w.instance("1.1.0") != nil {
			t.Error("it outlasts its time")
		}
	})
}

func TestOfManyProcessesWithLongAnswersTheOldestGoFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		for n := 1; n <= 10; n++ {
			version := fmt.Sprintf("2.%d.0", n)
			_ = w.offer(version, gradual)
			w.pass(time.Second)
			w.lasting(version)
			_ = w.engine.Abort(w.t.Context(), by(alice))
			w.pass(time.Second)
		}
		w.pass(2 * time.Second)
		var there []string
		for n := 1; n <= 10; n++ {
			if version := fmt.Sprintf("2.%d.0", n); w.instance(version) != nil {
				there = append(there, version)
			}
		}
		if len(there) != 8 || there[0] != "2.3.0" {
			t.Errorf("there are %v", there)
		}
	})
}

func TestTheEndOfTheHostWaitsForNoLongAnswer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.lasting("1.0.0")
		began := time.Now()
		w.stop()
		w.stop = func() {}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %s of the time that is told here", took)
		}
	})
}

func TestModulesAreToldOfTheEndOfTheHostBeforeItComes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.activate("1.1.0")
		w.engine.StopBy(time.Now().Add(time.Minute))
		w.pass(0)
		for _, version := range []string{"1.0.0", "1.1.0"} {
			if inst := w.instance(version); inst == nil || !inst.isDrained() {
				t.Errorf("%s is gone, or was not told", version)
			}
		}
	})
}
