package rollout

import (
	"fmt"
	"strings"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// waiting says what the rollout waits for; nil while its process comes up and once it
// is over.
func (r *Rollout) waiting(now time.Time) *module.Waiting {
	if !r.Active() {
		return nil
	}
	gates := r.gates(now)
	if len(gates) == 0 {
		return nil
	}
	g := gates[0]
	w := &module.Waiting{For: g.kind, Point: string(g.point), Since: r.Since, Deadline: r.ends(g, now)}
	name := r.Candidate.Module
	switch g.kind {
	case atPause:
		w.Since, w.Actor = r.Paused.At, r.Paused.Actor.String()
		w.Message = r.Paused.words(name)
	case atApproval:
		w.Message = fmt.Sprintf("an operator must approve (%s): `segue approve %s %s`", words(g.point), name, g.point)
	case atGrant:
		w.Message = r.asks() + "; " + r.ways()
		w.Missing = &r.Asks.Lacks
	case atFreeze:
		w.Message = r.thaws(name)
	case atHook:
		w.Message = fmt.Sprintf("the hook (%s) must consent", words(g.point))
	case atChecks:
		w.Message = "the candidate must pass its checks"
	case atRehearsal:
		w.Message = "stable's recent requests are replayed on the candidate"
	case atHold:
		w.Message = "the candidate is looked at before it gets traffic; it goes on by itself"
	case atEvidence:
		w.Message = r.lacks(w, now)
	}
	return w
}

// words say of a pause by whom it is, why, and what ends it.
func (a *Act) words(name string) string {
	text := "paused by " + a.Actor.String()
	if a.Reason != "" {
		text += ": " + a.Reason
	}
	return text + "; `segue resume " + name + "` lets it go on"
}

// thaws says what ends a freeze.
func (r *Rollout) thaws(name string) string {
	if err := r.Policy.Unreadable(); err != nil {
		return fmt.Sprintf("frozen, as nobody knows for how long: freeze: %v; `segue approve %s` lets this rollout through", err, name)
	}
	return fmt.Sprintf("frozen; it goes on by itself, or with `segue approve %s`", name)
}

// lacks says what a step still needs.
func (r *Rollout) lacks(w *module.Waiting, now time.Time) string {
	if hold := r.Entered.Add(r.hold()); now.Before(hold) {
		w.For = atHold
		return "the step lasts at least " + r.hold().String() + "; it goes on by itself"
	}
	missing := r.Missing
	if missing == "" {
		missing = "too few requests"
	}
	name := r.Candidate.Module
	switch r.Policy.Unproven {
	case manifest.Proceed:
		return fmt.Sprintf("no proof yet that it is no worse (%s); at the step's limit it goes on without; `segue approve %s evidence` takes your word for it now", missing, name)
	case manifest.GiveUp:
		return fmt.Sprintf("no proof yet that it is no worse (%s); at the step's limit it is taken back; `segue approve %s evidence` takes your word for it now", missing, name)
	}
	return fmt.Sprintf("no proof yet that it is no worse (%s); it goes on when there is, or with `segue approve %s evidence`", missing, name)
}

func words(p policy.Point) string { return strings.ReplaceAll(string(p), "_", " ") }
