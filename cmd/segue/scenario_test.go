package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// noon is a moment in sessions that show dates.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// scenarios are what a session's runtime is like.
var scenarios = map[string]func(rt *apitest.Runtime){
	"without modules": func(*apitest.Runtime) {},
	"shifting":        shifting,
	"of several":      ofSeveral,
	"with routes":     routed,
	"after a rollback": func(rt *apitest.Runtime) {
		rt.Put(takenBack("4 of 10 requests failed\x1b[2J"))
	},
	"in trouble":      inTrouble,
	"of doors":        ofDoors,
	"of noon":         ofNoon,
	"waiting":         waiting,
	"on trial":        onTrial,
	"confined":        confined,
	"with a history":  withHistory,
	"that queues":     func(rt *apitest.Runtime) { rt.OnDeploy = queue(rt) },
	"that takes all":  func(rt *apitest.Runtime) { rt.OnDeploy = take(rt) },
	"with quarantine": func(rt *apitest.Runtime) { rt.OnDeploy = quarantine },
}

func routed(rt *apitest.Runtime) {
	rt.Served = []module.RouteStatus{
		{Module: "shop", Host: "shop.example.com", Path: "/"},
		{Module: "hello", Host: "*.example.com", Path: "/api", Methods: []string{"GET", "POST"}, Headers: map[string]string{"x-version": "2", "x-beta": manifest.AnyValue},
			Strip: true, Timeouts: map[string]string{"answer": "30s", "idle": "none"}, MaxBody: 10 << 20, Limits: manifest.Limits{Rate: manifest.Rate{Requests: 100, Per: time.Second}, Concurrent: 20}},
		{Module: "hello", Host: "next.example.com", Path: "/api", Preview: true},
		{Module: "hello", Path: "/hello"},
	}
}

func digestOf(c string) module.Digest { return module.Digest(strings.Repeat(c, 64)) }

func stable(since time.Time) *module.ReleaseStatus {
	return &module.ReleaseStatus{Version: "1.0.0", Digest: digestOf("a"), Weight: 7500, State: module.Serving, PID: 11, Since: since, Requests: 900, Errors: 1}
}

func rolloutOf(to, phase string, step int) *module.RolloutStatus {
	return &module.RolloutStatus{
		ID: "hello-2", Module: "hello", From: "1.0.0", To: to, Digest: digestOf("b"), Strategy: manifest.Gradual, Phase: phase, Step: step,
		Steps: []manifest.Weight{100, 2500, 10000}, Hold: manifest.Duration(10 * time.Second), Verdict: module.Pending, Actor: "user:root",
	}
}

func shifting(rt *apitest.Runtime) {
	now := time.Now()
	began := now.Add(-3*time.Minute - 5*time.Second)
	r := rolloutOf("1.1.0", "shifting", 2)
	r.Started, r.CandidateSample, r.StableSample = began, module.Sample{Requests: 30}, module.Sample{Requests: 90, Errors: 1}
	rt.Put(module.Status{
		Name: "hello", State: module.RollingOut, Routes: []manifest.Route{{Path: "/hello"}, {Host: "hi.example", Path: "/"}},
		Stable:    stable(now.Add(-50 * time.Hour)),
		Candidate: &module.ReleaseStatus{Version: "1.1.0", Digest: digestOf("b"), Weight: 2500, State: module.Shifting, PID: 12, Since: began, Requests: 41, Errors: 0},
		Rollout:   r,
	})
	rt.Put(module.Status{Name: "billing", State: module.Inactive})
	rt.OnVerb = func(verb string, o api.Order) error {
		if o.Module == "billing" {
			return &module.Error{Kind: module.Conflict, Msg: "billing has no rollout to " + verb, Hint: "segue show billing tells where it stands"}
		}
		return nil
	}
}

// ofSeveral is a release of three processes, one of which has just fallen again.
func ofSeveral(rt *apitest.Runtime) {
	now := time.Now()
	s := stable(now.Add(-50 * time.Hour))
	s.Weight, s.PID = manifest.Full, 12 // which has fallen
	since, took := now.Add(-50*time.Hour), module.Usage{Memory: 12 << 20}
	s.Members = []module.Member{
		{Instance: "hello-1-1-1", PID: 11, State: module.Serving, Since: since, Usage: took},
		{Instance: "hello-1-1-5", State: module.Restarting, Since: now.Add(-4 * time.Minute), Restarts: 1, Fell: &module.Fall{At: now.Add(-4 * time.Minute), Reason: "killed by SIGKILL\x1b[2J"}},
		{Instance: "hello-1-1-3", PID: 13, State: module.Serving, Since: since, Usage: took, Ejected: &module.Ejection{Reason: "more failures than its siblings", Until: now.Add(-time.Second)}},
	}
	rt.Put(module.Status{Name: "hello", State: module.Active, Stable: s})
}

func takenBack(reason string) module.Status {
	now := time.Now()
	r := rolloutOf("2.0.0", "rolled-back", 1)
	r.Verdict, r.Reason, r.Started, r.Ended = module.Fail, reason, now.Add(-time.Minute), now.Add(-57*time.Second)
	s := stable(now.Add(-2 * time.Hour))
	s.Weight = manifest.Full
	return module.Status{
		Name: "hello", State: module.Active, Stable: s, Rollout: r,
		Releases: []module.ReleaseStatus{{Version: "2.0.0", Digest: digestOf("b"), State: module.Quarantined, Since: r.Ended, Reason: reason}, *s},
	}
}

// ofDoors is a runtime with one module held, one in maintenance, and one open.
func ofDoors(rt *apitest.Runtime) {
	now := time.Now()
	for name, door := range map[string]*module.Door{
		"hello": nil,
		"shop":  {State: module.DoorMaintenance, Since: now.Add(-2 * time.Hour), Actor: "user:ann", Message: "Back at noon.\x1b[2J", RetryAfter: manifest.Duration(5 * time.Minute)},
		"mail":  {State: module.DoorHeld, Since: now.Add(-3*time.Minute - 5*time.Second), Until: now.Add(7 * time.Minute), Actor: "user:bob"},
	} {
		rt.Put(module.Status{Name: name, State: module.Active, Stable: stable(now.Add(-50 * time.Hour)), Door: door})
	}
}

// inTrouble is a runtime whose stable release is not up, after many others.
func inTrouble(rt *apitest.Runtime) {
	m := takenBack("4 of 10 requests failed")
	m.State, m.Stable.State, m.Stable.Restarts, m.Stable.Reason = module.Failing, module.Restarting, 4, "it exited with 3"
	for i := range 7 {
		m.Releases = append(m.Releases, module.ReleaseStatus{Version: fmt.Sprintf("0.%d.0", i), Digest: digestOf(fmt.Sprint(i)), State: module.Stopped})
	}
	rt.Put(m)
}

// ofNoon is a runtime whose answers never change.
func ofNoon(rt *apitest.Runtime) {
	r := rolloutOf("1.0.0", "promoted", 3)
	r.From, r.Verdict, r.Started, r.Ended, r.Phases = "", module.Pass, noon, noon.Add(time.Second), []module.PhaseTime{{Name: "stage", Micros: 14000}}
	s := stable(noon)
	s.Weight = manifest.Full
	rt.Put(module.Status{Name: "hello", State: module.Active, Routes: []manifest.Route{{Path: "/hello"}}, Stable: s, Rollout: r})
	rt.About = api.Info{Version: "1.2.3", Started: noon, PID: 7, ListenAddr: "127.0.0.1:8080", AdminAddr: "127.0.0.1:8081", ModulesDir: "/srv/modules", StateDir: "/srv/.segue"}
	rt.Emit(
		module.Event{Time: noon, Type: module.HostStarted, Message: "segue serves"},
		module.Event{Time: noon.Add(time.Second), Type: module.OfferRefused, File: "notes.txt", Message: "notes.txt is refused", Reason: "it is a text file\x1b[31m"},
		module.Event{Time: noon.Add(2 * time.Second), Type: module.RolloutPromoted, Module: "hello", Version: "1.0.0", Message: "hello@1.0.0 is stable"},
	)
	uid := uint32(1000)
	rt.AuditRecords = []module.AuditRecord{
		{Seq: 1, Time: noon, Actor: module.Actor{Kind: "user", Name: "ann", UID: &uid}, Action: "deploy", Target: "hello@1.0.0", Outcome: "accepted", Hash: "h1"},
		{Seq: 2, Time: noon, Actor: module.Self, Action: "promote", Target: "hello@1.0.0", Outcome: "accepted", Prev: "h1", Hash: "h2"},
	}
}

// take accepts every offer. How it goes on is what the offered file says: "good",
// "bad", "silent", "endless", "joined" for one that is on its way already, or "known"
// and "stable" for one that serves already.
func take(rt *apitest.Runtime) func(apitest.Offer) (module.RolloutStatus, error) {
	return func(o apitest.Offer) (module.RolloutStatus, error) {
		r := rolloutOf("1.1.0", "starting", 0)
		if text := module.RolloutText(o.Input.Rollout); len(text) > 0 {
			r.Actor = fmt.Sprint(text) // for the session to see
		}
		r.Started = time.Now()
		tell := func(typ module.EventType, message, reason string) {
			rt.Emit(module.Event{Time: noon, Type: typ, Module: "hello", Rollout: r.ID, Message: message, Reason: reason})
		}
		begun := *r
		rt.Emit(module.Event{Time: noon, Type: module.RolloutStep, Module: "hello", Rollout: "hello-1", Message: "of another rollout"})
		switch strings.TrimSpace(string(o.Bytes)) {
		case "good":
			tell(module.RolloutStep, "hello@1.1.0 has 1% of the traffic", "")
			tell(module.RolloutPromoted, "hello@1.1.0 is stable", "")
			r.Phase, r.Verdict, r.Ended, r.CandidateSample = "promoted", module.Pass, time.Now(), module.Sample{Requests: 12}
		case "bad":
			tell(module.RolloutStep, "hello@1.1.0 has 1% of the traffic", "")
			tell(module.RolloutRolledBack, "hello@1.1.0 was taken back", "3 of 3 requests failed")
			r.Phase, r.Verdict, r.Reason, r.Ended, r.CandidateSample = "rolled-back", module.Fail, "3 of 3 requests failed", time.Now(), module.Sample{Requests: 3, Errors: 3}
		case "endless":
			tell(module.RolloutStep, "hello@1.1.0 has 1% of the traffic", "")
			r.Phase, r.Step = "shifting", 1
		case "waiting":
			r.Phase, r.Waiting = "checking", &module.Waiting{For: module.ForApproval, Point: "before_traffic", Since: noon, Message: "an operator must approve (before traffic): `segue approve hello before_traffic`"}
			tell(module.RolloutWaiting, "hello@1.1.0 waits (approval): an operator must approve (before traffic): `segue approve hello before_traffic`", "")
			tell(module.RolloutContinued, "hello@1.1.0 is approved by user:ann", "")
			tell(module.RolloutPaused, "hello@1.1.0 is paused by user:ann; `segue resume hello` lets it go on", "the database is being moved")
		case "silent":
			r.Phase, r.Reason, r.Ended = "failed", "it was never ready", time.Now()
		case "joined":
			begun.Phase, begun.Step, begun.Started = "shifting", 1, noon
			tell(module.RolloutPromoted, "hello@1.1.0 is stable", "")
			r.Phase, r.Ended = "promoted", time.Now()
		case "stable":
			s := stable(noon)
			s.Digest = module.Digest(fmt.Sprintf("%x", sha256.Sum256(o.Bytes)))
			rt.Put(module.Status{Name: "hello", State: module.Active, Stable: s, Rollout: rolloutOf("1.1.0", "aborted", 1)})
			return *r, &module.Error{Kind: module.Conflict, Msg: "nothing to do"}
		case "over":
			begun.Displaced = []module.Displaced{{Rollout: "hello-1", Version: "1.0.9", Since: time.Now().Add(-4*time.Minute - time.Second)}}
		case "asking":
			begun.Phase, begun.Waiting = "pending", &module.Waiting{For: module.ForGrant, Since: time.Now(), Message: "asks for connect api.example.com:443; `segue approve hello grant` grants it"}
		case "refused":
			return *r, &module.Error{Kind: module.Conflict, Msg: "another conflict"}
		case "known":
			begun.Phase, begun.Ended = "promoted", time.Now()
		}
		rt.Put(module.Status{Name: "hello", State: module.Active, Rollout: r})
		if len(o.Input.Sidecar) > 0 {
			begun.To += "+" + strings.TrimSpace(string(o.Input.Sidecar))
		}
		return begun, nil
	}
}

// waiting is a runtime with all that a rollout may have to tell.
func waiting(rt *apitest.Runtime) {
	shifting(rt)
	now := time.Now()
	m, _ := rt.Module(context.Background(), "hello")
	r := m.Rollout
	r.Verdict, r.Rescued = module.Inconclusive, 7
	r.Waiting = &module.Waiting{For: module.ForApproval, Point: "each_step", Since: now.Add(-3*time.Minute - time.Second), Message: "an operator must approve\x1b[2J (each step): `segue approve hello each_step`"}
	r.CandidateSample.Slow = 2
	r.Evidence = module.Evidence{Errors: 0.129, Signs: []module.Sign{{Kind: "crash", Weight: manifest.Full / 2, Message: "it was killed by signal 9\x1b[2J", At: now.Add(-time.Minute - time.Second)}}}
	r.Preview = &module.Preview{Host: "preview.example", Header: "Segue-Preview: t0ken"}
	r.Rehearsal = &module.Comparison{Requests: 40}
	r.Mirror = &module.Comparison{Requests: 200, Different: 5}
	for range 5 {
		r.Mirror.Examples = append(r.Mirror.Examples, module.Difference{Request: "GET /hello\x1b[2J", What: "$.total", Stable: "41", Candidate: ""})
	}
	r.Usage = module.Usage{Memory: 48 << 20, Peak: 52 << 20, CPU: 1234567890}
	m.Queued = &module.Queued{Version: "1.2.0", Digest: digestOf("c"), Actor: "user:ann", Since: now.Add(-time.Hour - time.Second)}
	rt.Put(m)
	paused := *r
	paused.Module, paused.Waiting = "billing", &module.Waiting{For: module.ForPause, Actor: "user:ann", Since: now.Add(-2*time.Minute - time.Second), Message: "paused by user:ann: month's end; `segue resume billing` lets it go on"}
	paused.Rehearsal = &module.Comparison{Message: "nothing recorded yet to rehearse with"}
	rt.Put(module.Status{Name: "billing", State: module.RollingOut, Rollout: &paused})
}

// onTrial is a runtime whose modules were switched over a moment ago, or longer ago.
func onTrial(rt *apitest.Runtime) {
	now := time.Now()
	promoted := func(name string, change func(m *module.Status)) module.Status {
		r := rolloutOf("1.1.0", "promoted", 1)
		r.Module, r.Strategy, r.Steps, r.Hold = name, manifest.Instant, []manifest.Weight{manifest.Full}, manifest.Duration(time.Hour)
		r.Started, r.Ended = now.Add(-time.Second), now
		s := stable(now)
		s.Version, s.Digest, s.Weight = r.To, r.Digest, manifest.Full
		m := module.Status{Name: name, State: module.Active, Stable: s, Rollout: r}
		change(&m)
		return m
	}
	rt.Put(promoted("hello", func(*module.Status) {}))
	rt.Put(promoted("first", func(m *module.Status) { m.Rollout.From = "" }))
	rt.Put(promoted("removed", func(m *module.Status) { m.State, m.Stable = module.Inactive, nil }))
	rt.Put(promoted("old", func(m *module.Status) { m.Rollout.Ended = now.Add(-2 * time.Hour) }))
	rt.Put(promoted("stepped", func(m *module.Status) { m.Rollout.Strategy = manifest.Gradual }))
	rt.OnDeploy = func(apitest.Offer) (module.RolloutStatus, error) {
		r := *promoted("hello", func(*module.Status) {}).Rollout
		r.Phase, r.Started, r.Ended = "starting", time.Now(), time.Time{}
		return r, nil // what is shown of it has ended since
	}
}

// withHistory is a runtime that remembers three rollouts.
func withHistory(rt *apitest.Runtime) {
	ofNoon(rt)
	for i, phase := range []string{"promoted", "rolled-back", "superseded"} {
		r := rolloutOf(fmt.Sprintf("1.%d.0", i), phase, 2)
		r.ID, r.Started, r.Verdict = fmt.Sprint("hello-", i), noon.Add(-time.Duration(i)*time.Hour), module.Unproven
		r.Ended = r.Started.Add(time.Duration(i)*time.Minute + 1500*time.Millisecond)
		r.CandidateSample = module.Sample{Requests: uint64(i) * 3000, Errors: uint64(i)}
		if phase == "superseded" { // all but one hang
			r.CandidateSample.Slow = 5999
		}
		if phase == "rolled-back" {
			r.Verdict, r.Reason = module.Fail, "it fails more than stable\x1b[2J"
			r.Samples = []module.StepSample{
				{Weight: 100, Stable: module.Sample{Requests: 900}, Candidate: module.Sample{Requests: 9, Errors: 4}},
				{Weight: 2500, Candidate: r.CandidateSample},
			}
			r.Rescued = 3
		}
		r.Phases = []module.PhaseTime{{Name: "start", Micros: 14000}, {Name: "save", Micros: 900}, {Name: "step 1", Micros: 10_000_000}}
		rt.Past = append(rt.Past, *r)
	}
}

// queue lets every offer wait: "turn" until it has its turn, "dropped" until it is
// dropped, "over" until its rollout has come and gone, anything else for good.
func queue(rt *apitest.Runtime) func(apitest.Offer) (module.RolloutStatus, error) {
	return func(o apitest.Offer) (module.RolloutStatus, error) {
		now := time.Now()
		q := &module.Queued{Version: "1.2.0", Digest: digestOf("c"), Actor: "user:root", Since: now}
		running := rolloutOf("1.1.0", "shifting", 1)
		rt.Put(module.Status{Name: "hello", State: module.RollingOut, Stable: stable(noon), Rollout: running, Queued: q})
		answer := module.RolloutStatus{Module: "hello", To: "1.2.0", Digest: q.Digest, Phase: "pending", Started: now,
			Waiting: &module.Waiting{For: module.ForQueue, Since: now, Message: "the rollout to 1.1.0 must end first; then it begins by itself"}}
		own := rolloutOf("1.2.0", "promoted", 3)
		answer.Displaced = []module.Displaced{{Version: "1.1.9", Since: now}}
		own.ID, own.Digest, own.Started, own.Ended = "hello-3", q.Digest, now.Add(time.Second), now.Add(2*time.Second)
		next := module.Status{Name: "hello", State: module.Active, Stable: stable(noon), Rollout: running}
		switch strings.TrimSpace(string(o.Bytes)) {
		case "turn":
			next.Rollout = own
		case "over":
			rt.Past = []module.RolloutStatus{*own}
		case "dropped":
		default:
			return answer, nil
		}
		time.AfterFunc(100*time.Millisecond, func() { rt.Put(next) })
		return answer, nil
	}
}

// quarantine refuses what is not forced.
func quarantine(o apitest.Offer) (module.RolloutStatus, error) {
	if !o.Input.Force {
		return module.RolloutStatus{}, &module.Error{Kind: module.Conflict, Field: "digest", Value: "abc", Msg: "is in quarantine", Hint: "lift it with --force"}
	}
	r := rolloutOf("1.1.0", "starting", 0)
	r.Started = time.Now()
	return *r, nil
}
