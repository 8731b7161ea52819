package rollout_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

// connects are permissions to dial these.
func connects(peers ...string) manifest.Permissions { return manifest.Permissions{Connect: peers} }

const (
	api  = "api.example.com:443"
	mail = "mail.example.com:25"
)

// asking is a plan that asks for that.
func asking(version string, asked manifest.Permissions) rollout.Plan {
	p := plan(version)
	p.Asked = asked
	return p
}

// offerAsking offers a release that asks for permissions, of which some are configured.
func (w *world) offerAsking(version string, asked, configured manifest.Permissions, how rollout.Policy) module.RolloutStatus {
	w.t.Helper()
	status, err := w.engine.Offer(w.t.Context(), rollout.Offer{Plan: asking(version, asked), Policy: how, Actor: alice, Configured: configured})
	if err != nil {
		w.t.Fatal(err)
	}
	w.pass(time.Second)
	return status
}

// decide approves by a point, "" for none.
func (w *world) decide(point string) error {
	w.t.Helper()
	err := w.engine.Approve(w.t.Context(), rollout.Order{Actor: bob, Module: "hello", Point: point, Rollout: w.waitingOn(point)})
	w.pass(time.Second)
	return err
}

// waitingOn is the id of the rollout under way, which an order to grant names.
func (w *world) waitingOn(point string) string {
	if ro := w.status().Rollout; point == "grant" && ro != nil && !ro.Over() {
		return ro.ID
	}
	return ""
}

// grantedTo is what the newest process of a version was started with.
func (w *world) grantedTo(version string) []string {
	w.t.Helper()
	inst := w.instance(version)
	if inst == nil {
		w.t.Fatalf("no process of %s", version)
	}
	return inst.plan.Granted.Connect
}

// audited are the reasons of accepted records of an action.
func (w *world) audited(action string) (reasons []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.audits {
		if a.Action == action && a.Outcome == "accepted" {
			reasons = append(reasons, a.Reason)
		}
	}
	return reasons
}

func TestAReleaseThatAsksForMoreThanItsPredecessorWaitsBeforeAnythingIsStarted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		how := like(manifest.Gradual, approvals(policy.BeforeStart), hooks(policy.BeforeStart))
		status := w.offerAsking("1.1.0", connects(api, mail), connects(mail), how)
		if status.Waiting == nil || status.Waiting.For != module.ForGrant {
			t.Errorf("who offered it is told that it waits for %+v", status.Waiting)
		}
		w.wantPhase(rollout.Pending, "")
		w.wantWaiting(module.ForGrant, "")
		waiting := w.status().Rollout.Waiting
		if got := waiting.Missing; got == nil || !slices.Equal(got.Connect, []string{api}) {
			t.Errorf("it lacks %+v", got)
		}
		for _, words := range []string{"asks for more than 1.0.0: connect " + api, "`segue approve hello grant --rollout hello-2` grants", "`segue approve hello without` lets it go on"} {
			if !strings.Contains(waiting.Message, words) {
				t.Errorf("%q does not say %q", waiting.Message, words)
			}
		}
		if strings.Contains(waiting.Message, mail) {
			t.Errorf("%q names what is granted", waiting.Message)
		}
		w.wantEvent(module.RolloutWaiting, "connect "+api)
		if w.instance("1.1.0") != nil || len(w.called) > 0 {
			t.Error("it was started, or a hook was called")
		}
		w.pass(10 * time.Minute)
		if err := w.decide("grant"); err != nil {
			t.Fatal(err)
		}
		w.wantWaiting("approval", policy.BeforeStart)
		if since := time.Since(w.status().Rollout.Waiting.Since); since > time.Minute {
			t.Errorf("the time for the approval began %s ago", since)
		}
		if err := w.decide(""); err != nil {
			t.Fatal(err)
		}
		if got := w.grantedTo("1.1.0"); !slices.Equal(got, []string{api}) {
			t.Errorf("it was started with %v", got)
		}
		if got := w.audited("approve"); len(got) != 2 || got[0] != "grants connect "+api {
			t.Errorf("audited %q", got)
		}
		if g := w.status().Grants; g == nil || !slices.Equal(g.Permissions.Connect, []string{api}) || g.Actor != "user:bob" || g.At.IsZero() {
			t.Errorf("grants %+v", g)
		}
		w.settleGradual()
		w.wantPhase(rollout.Promoted, "")
	})
}

// settleGradual lets a rollout that nobody asks for anything come to its end.
func (w *world) settleGradual() {
	w.t.Helper()
	for range 10 {
		w.pass(11 * time.Second)
	}
}

func TestAReleaseMayGoOnWithoutWhatItAsksFor(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.offerAsking("1.1.0", connects(api), manifest.Permissions{}, gradual)
		if err := w.decide("without"); err != nil {
			t.Fatal(err)
		}
		if got := w.grantedTo("1.1.0"); len(got) != 0 {
			t.Errorf("it was started with %v", got)
		}
		if w.status().Grants != nil {
			t.Errorf("something is granted: %+v", w.status().Grants)
		}
		if got := w.audited("approve"); len(got) != 1 || got[0] != "goes on without connect "+api {
			t.Errorf("audited %q", got)
		}
		w.settleGradual()
		w.wantPhase(rollout.Promoted, "")

		// Its successor asks for the same: that was decided.
		w.offerAsking("1.2.0", connects(api), manifest.Permissions{}, gradual)
		w.settleGradual()
		w.wantPhase(rollout.Promoted, "")
		if got := w.grantedTo("1.2.0"); len(got) != 0 {
			t.Errorf("it was started with %v", got)
		}

		// The next asks for more. Whoever grants that sees all that is granted with it.
		w.offerAsking("1.3.0", connects(api, mail), manifest.Permissions{}, gradual)
		waiting := w.status().Rollout.Waiting
		if waiting == nil || !slices.Equal(waiting.Missing.Connect, []string{api, mail}) ||
			!strings.Contains(waiting.Message, "more than 1.2.0: connect "+mail+"; and as 1.2.0 for what was not granted either: connect "+api) {
			t.Fatalf("it waits for %+v", waiting)
		}
		if err := w.decide("grant"); err != nil {
			t.Fatal(err)
		}
		if got := w.grantedTo("1.3.0"); !slices.Equal(slices.Sorted(slices.Values(got)), []string{api, mail}) {
			t.Errorf("it was started with %v", got)
		}
	})
}

func TestPermissionsAreGrantedByTheirNameAlone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.offerAsking("1.1.0", connects(api), manifest.Permissions{}, like(manifest.Gradual, approvals(policy.BeforeStart)))
		for _, point := range []string{"", "before_start", "freeze", "evidence", "all"} {
			err := w.decide(point)
			if point == "" && !strings.Contains(err.Error(), "; say which: `segue approve hello grant --rollout hello-2` or `segue approve hello without`") {
				t.Errorf("without a point: %v", err)
			}
			if module.KindOf(err) != module.Conflict || !strings.Contains(err.Error(), "`segue approve hello grant --rollout hello-2`") || !strings.Contains(err.Error(), "`segue approve hello without`") {
				t.Errorf("approved %q: %v", point, err)
			}
			w.wantWaiting(module.ForGrant, "")
		}
		if err := w.engine.Promote(t.Context(), by(alice)); module.KindOf(err) != module.Unavailable || !strings.Contains(err.Error(), "approve hello grant") {
			t.Errorf("promoted: %v", err)
		}
		if w.instance("1.1.0") != nil || w.status().Grants != nil {
			t.Error("it was started, or something was granted")
		}
		if err := w.decide("grant"); err != nil {
			t.Fatal(err)
		}
		if err := w.decide("grant"); module.KindOf(err) != module.Conflict {
			t.Errorf("granted again, where something else is waited for: %v", err)
		}
		w.wantWaiting("approval", policy.BeforeStart)
	})
}

func TestAFirstReleaseWaitsForAllThatItAsksForAndIsNotGranted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.offerAsking("1.0.0", connects(api, mail), connects(mail), instant)
		w.wantWaiting(module.ForGrant, "")
		if msg := w.status().Rollout.Waiting.Message; !strings.HasPrefix(msg, "asks for connect "+api+"; ") {
			t.Errorf("it says %q", msg)
		}
		if err := w.decide("grant"); err != nil {
			t.Fatal(err)
		}
		w.pass(20 * time.Second)
		w.wantPhase(rollout.Promoted, "")
	})
}

func TestWhatIsGrantedOrNeedsNoGrantIsNotWaitedFor(t *testing.T) {
	asked := manifest.Permissions{Connect: []string{api}, Write: []string{manifest.DataFolder}, Read: []string{manifest.TempFolder}}
	for name, configured := range map[string]manifest.Permissions{
		"by name":     connects(api),
		"by a suffix": connects("*.example.com:443"),
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.offerAsking("1.0.0", asked, configured, instant)
				w.pass(20 * time.Second)
				w.wantPhase(rollout.Promoted, "")
			})
		})
	}
}

func TestPermissionsThatNobodyDecidesOnEndTheRolloutWithoutBlame(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.offerAsking("1.1.0", connects(api), manifest.Permissions{}, like(manifest.Gradual, approvals()))
		if until := w.status().Rollout.Waiting.Deadline; until.IsZero() {
			t.Error("nobody knows how long it waits")
		}
		w.pass(30 * time.Minute)
		w.crashHost()
		w.wantWaiting(module.ForGrant, "")
		w.pass(31 * time.Minute)
		w.wantPhase(rollout.Failed, "nobody decided on what it asks for within 1h0m0s")
		if got := w.state("1.1.0"); got != module.Failed {
			t.Errorf("release is %s", got)
		}
		if w.instance("1.0.0") == nil {
			t.Error("stable is gone")
		}
	})
}

func TestAReleaseThatIsTakenBackLeavesWhatWasApprovedForTheModule(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.offerAsking("1.1.0", connects(api), manifest.Permissions{}, gradual)
		if err := w.decide("grant"); err != nil {
			t.Fatal(err)
		}
		if err := w.engine.Abort(t.Context(), by(alice)); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		w.offerAsking("1.2.0", connects(api), manifest.Permissions{}, gradual)
		if waiting := w.status().Rollout.Waiting; waiting != nil && waiting.For == module.ForGrant {
			t.Errorf("what was approved is asked for again: %+v", waiting)
		}
		if got := w.grantedTo("1.2.0"); !slices.Equal(got, []string{api}) {
			t.Errorf("it was started with %v", got)
		}
	})
}

func TestAWayBackAsksForNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.offerAsking("1.0.0", connects(api), connects(api), instant)
		w.pass(20 * time.Second)
		w.activate("1.1.0")
		w.pass(time.Hour) // 1.0.0 is not warm any more
		if err := w.engine.Rollback(t.Context(), by(alice)); err != nil {
			t.Fatal(err)
		}
		w.pass(20 * time.Second)
		if s := w.status(); s.Stable.Version != "1.0.0" {
			t.Errorf("stable is %s, the rollout %+v", s.Stable.Version, s.Rollout)
		}
	})
}

func TestAQueuedReleaseIsWeighedWhenItsTurnComes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.offerAsking("1.1.0", connects(api), manifest.Permissions{}, gradual)
		if err := w.decide("grant"); err != nil {
			t.Fatal(err)
		}
		w.offerAsking("1.2.0", connects(api, mail), manifest.Permissions{}, queued)
		if w.status().Queued == nil {
			t.Fatal("it does not wait")
		}
		w.settleGradual()
		w.wantWaiting(module.ForGrant, "")
		if ro := w.status().Rollout; ro.To != "1.2.0" || !slices.Equal(ro.Waiting.Missing.Connect, []string{mail}) {
			t.Errorf("%s waits for %+v", ro.To, ro.Waiting)
		}
	})
}

func TestRevokedPermissionsAreGoneWithTheNextStartAndAskedForAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		revoke := func() error {
			err := w.engine.Revoke(t.Context(), by(bob))
			w.pass(time.Second)
			return err
		}
		w.activate("1.0.0")
		if err := revoke(); module.KindOf(err) != module.Conflict || !strings.Contains(err.Error(), "modules.hello.grants") {
			t.Errorf("nothing was approved, and was revoked: %v", err)
		}
		w.offerAsking("1.1.0", connects(api), manifest.Permissions{}, gradual)
		if err := w.decide("grant"); err != nil {
			t.Fatal(err)
		}
		w.settleGradual()
		first := w.instance("1.1.0")
		if err := revoke(); err != nil {
			t.Fatal(err)
		}
		if w.instance("1.1.0") != first {
			t.Error("a process that runs was touched")
		}
		if got := w.audited("revoke"); len(got) != 1 || got[0] != "takes back connect "+api {
			t.Errorf("audited %q", got)
		}
		if w.status().Grants != nil {
			t.Errorf("still granted: %+v", w.status().Grants)
		}
		w.crashHost()
		w.pass(time.Second)
		if got := w.grantedTo("1.1.0"); len(got) != 0 {
			t.Errorf("after its next start it has %v", got)
		}
		if err := revoke(); module.KindOf(err) != module.Conflict {
			t.Errorf("revoked twice: %v", err)
		}

		// Its successor asks for no more; but nobody has decided since.
		w.offerAsking("1.2.0", connects(api, mail), manifest.Permissions{}, gradual)
		w.wantWaiting(module.ForGrant, "")
		if msg := w.status().Rollout.Waiting.Message; !strings.HasPrefix(msg, "asks for more than 1.1.0: connect "+mail+"; and for what was approved once and is revoked: connect "+api+"; `") {
			t.Errorf("it says %q", msg)
		}
		if err := w.decide("without"); err != nil {
			t.Fatal(err)
		}
		w.settleGradual()
		w.wantEvent(module.RolloutContinued, "user:bob lets it go without connect "+api+", connect "+mail)
		w.offerAsking("1.3.0", connects(api), manifest.Permissions{}, gradual)
		w.settleGradual()
		if ro := w.wantPhase(rollout.Promoted, ""); ro.To != "1.3.0" {
			t.Errorf("it is the rollout to %s", ro.To)
		}
	})
}

func TestWhatIsRevokedBeforeAReleaseStartsIsDecidedOnAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.offerAsking("1.1.0", connects(api), manifest.Permissions{}, like(manifest.Gradual, approvals(policy.BeforeStart)))
		if err := w.decide("grant"); err != nil {
			t.Fatal(err)
		}
		w.wantWaiting("approval", policy.BeforeStart)
		if err := w.engine.Revoke(t.Context(), by(bob)); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		w.wantWaiting(module.ForGrant, "")
		if got := w.status().Rollout.Waiting.Missing.Connect; !slices.Equal(got, []string{api}) {
			t.Errorf("it lacks %v", got)
		}
	})
}

// A permission that is handed out must be in the audit and on the disk first.
func TestWhatCannotBeAuditedOrSavedIsNotGranted(t *testing.T) {
	for name, spoil := range map[string]func(w *world, err error){
		"audited": func(w *world, err error) { w.mu.Lock(); w.auditErr = err; w.mu.Unlock() },
		"saved":   func(w *world, err error) { w.setSaveErr(err) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.activate("1.0.0")
				// Nothing is started by the approval itself.
				w.offerAsking("1.1.0", connects(api), manifest.Permissions{}, like(manifest.Gradual, approvals(policy.BeforeStart)))
				spoil(w, errFull)
				if err := w.decide("grant"); module.KindOf(err) != module.Unavailable {
					t.Errorf("granted: %v", err)
				}
				w.wantWaiting(module.ForGrant, "")
				if w.status().Grants != nil {
					t.Errorf("granted %+v", w.status().Grants)
				}
				spoil(w, nil)
				w.pass(2 * time.Second)
				if err := w.decide("grant"); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestEveryPermissionThatIsGrantedIsInTheAudit(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		var peers []string
		for i := range 64 {
			peers = append(peers, fmt.Sprintf("a-rather-long-name-of-a-host-%02d.example.com:443", i))
		}
		w.offerAsking("1.1.0", connects(peers...), manifest.Permissions{}, gradual)
		if msg := w.status().Rollout.Waiting.Message; !strings.Contains(msg, "connect "+strings.Join(peers, ", connect ")) {
			t.Errorf("it says %q", msg)
		}
		if err := w.decide("grant"); err != nil {
			t.Fatal(err)
		}
		reasons := w.audited("approve")
		for _, reason := range reasons {
			if len(reason) > 1000 || !strings.HasPrefix(reason, "grants connect ") {
				t.Errorf("%d bytes: %s", len(reason), reason)
			}
		}
		for _, peer := range peers {
			if !strings.Contains(strings.Join(reasons, "\n"), peer) {
				t.Errorf("%s is not in the audit", peer)
			}
		}
	})
}

func TestTheApprovalsOfAModuleAreBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		var refused error
		for n := 1; n < 12 && refused == nil; n++ {
			var peers []string
			for i := range 64 {
				peers = append(peers, fmt.Sprintf("h%d-%d.example.com:443", n, i))
			}
			w.offerAsking(fmt.Sprintf("1.%d.0", n), connects(peers...), manifest.Permissions{}, gradual)
			refused = w.decide("grant")
			_ = w.engine.Abort(t.Context(), by(alice))
			w.pass(time.Second)
		}
		if module.KindOf(refused) != module.Conflict || !strings.Contains(refused.Error(), "segue revoke hello") {
			t.Errorf("got %v", refused)
		}
	})
}

// What a runtime has kept that knew nothing of permissions.
func TestARecordThatKnowsNothingOfPermissionsRuns(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, approvals(policy.BeforeStart)))
		w.mu.Lock()
		saved := w.saved["hello"]
		raw, err := json.Marshal(saved.Record)
		w.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{`"asked"`, `"asks"`, `"grants"`, `"configured"`, `"quotas"`} {
			if strings.Contains(string(raw), word) {
				t.Errorf("a record without permissions has %s", word)
			}
		}
		old := strings.ReplaceAll(string(raw), `,"quota":5000`, "")
		old = strings.ReplaceAll(strings.ReplaceAll(old, `"denial":5000,`, ""), `"quota":5000,`, "")
		var rec rollout.Record
		if err := json.Unmarshal([]byte(old), &rec); err != nil {
			t.Fatal(err)
		}
		if _, knows := rec.Rollout.Policy.Signs[policy.Denial]; knows {
			t.Fatal("the record is not an old one")
		}
		w.mu.Lock()
		w.saved["hello"] = rollout.Saved{Record: rec, Revision: saved.Revision}
		w.mu.Unlock()
		w.crashHost()
		w.wantWaiting("approval", policy.BeforeStart)
		if err := w.decide(""); err != nil {
			t.Fatal(err)
		}
		w.instance("1.1.0").denied("gateway", "connect "+api)
		w.settleGradual()
		w.wantPhase(rollout.Promoted, "")
		w.offerAsking("1.2.0", connects(api), manifest.Permissions{}, gradual)
		w.wantWaiting(module.ForGrant, "")
	})
}

func TestWhatServesIsGrantedWhatItWasWithheldWithItsNextStart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.configured = connects(mail)
		w.offerAsking("1.0.0", connects(api, mail), w.configured, instant)
		if err := w.decide("without"); err != nil {
			t.Fatal(err)
		}
		w.pass(20 * time.Second)
		w.wantPhase(rollout.Promoted, "")
		first := w.instance("1.0.0")
		for _, point := range []string{"", "without", "evidence"} {
			if err := w.decide(point); module.KindOf(err) != module.Conflict {
				t.Errorf("approved %q: %v", point, err)
			}
		}
		if err := w.decide("grant"); err != nil {
			t.Fatal(err)
		}
		if g := w.status().Grants; g == nil || !slices.Equal(g.Permissions.Connect, []string{api}) || g.Actor != "user:bob" {
			t.Errorf("grants %+v", g)
		}
		if got := w.audited("approve"); len(got) != 2 || got[1] != "grants connect "+api {
			t.Errorf("audited %q", got)
		}
		if w.instance("1.0.0") != first {
			t.Error("a process that runs was touched")
		}
		if err := w.decide("grant"); module.KindOf(err) != module.Conflict || !strings.Contains(err.Error(), "all that it asks for is granted") {
			t.Errorf("granted twice: %v", err)
		}
		first.crash("by itself")
		w.pass(time.Minute)
		if got := w.grantedTo("1.0.0"); w.instance("1.0.0") == first || !slices.Equal(got, []string{api}) {
			t.Errorf("its next process was started with %v", got)
		}
	})
}

func TestWhatServesIsGrantedNothingThatIsNotAuditedAndSaved(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.offerAsking("1.0.0", connects(api), manifest.Permissions{}, instant)
		if err := w.decide("without"); err != nil {
			t.Fatal(err)
		}
		w.pass(20 * time.Second)
		w.setSaveErr(errFull)
		if err := w.decide("grant"); module.KindOf(err) != module.Unavailable || w.status().Grants != nil {
			t.Errorf("granted %+v: %v", w.status().Grants, err)
		}
		w.setSaveErr(nil)
		w.pass(2 * time.Second)
	})
}

func TestAProcessHasWhatIsRevokedUntilItEndsAndItsNextIsToldToBeWithout(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.configured = connects(mail)
		w.offerAsking("1.0.0", connects(api, mail), w.configured, instant)
		if err := w.decide("grant"); err != nil {
			t.Fatal(err)
		}
		w.wantEvent(module.RolloutContinued, "hello@1.0.0 goes on: user:bob granted connect "+api)
		w.pass(20 * time.Second)
		if got := w.status().Stable.Sandbox.Revoked.Connect; len(got) != 0 {
			t.Errorf("revoked is %v", got)
		}
		if err := w.engine.Revoke(t.Context(), by(bob)); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		if got := w.status().Stable.Sandbox.Revoked.Connect; !slices.Equal(got, []string{api}) {
			t.Errorf("revoked is %v", got)
		}
		w.instance("1.0.0").crash("by itself")
		w.pass(time.Minute)
		if got := w.status().Stable.Sandbox; len(got.Revoked.Connect) != 0 || !slices.Equal(got.Withheld.Connect, []string{api}) {
			t.Errorf("its next process has %+v", got)
		}
		w.wantEvent(module.InstanceStarted, "; without: connect "+api)
	})
}

func TestAReleaseThatDoesNotStartSaysWhatItWasWithheld(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.behaviour["1.0.0"] = behaviour{startErr: module.Errorf(module.Invalid, "it exited with 1")}
		w.offerAsking("1.0.0", connects(api), manifest.Permissions{}, instant)
		if err := w.decide("without"); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		w.wantPhase(rollout.Failed, "it exited with 1 (withheld: connect "+api+")")
	})
}
