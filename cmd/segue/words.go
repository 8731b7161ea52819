package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// age is how long ago t was, in its largest unit.
func age(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	since := max(0, time.Since(t))
	switch {
	case since < time.Minute:
		return strconv.Itoa(int(since/time.Second)) + "s"
	case since < time.Hour:
		return strconv.Itoa(int(since/time.Minute)) + "m"
	case since < 48*time.Hour:
		return strconv.Itoa(int(since/time.Hour)) + "h"
	}
	return strconv.Itoa(int(since/(24*time.Hour))) + "d"
}

// ago is when t was: "3m ago", or its date where that says more.
func ago(t time.Time) string {
	if time.Since(t) < 48*time.Hour {
		return age(t) + " ago"
	}
	return clock(t)
}

// clock is a moment in the operator's time zone.
func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// counted is "1 error" or "3 errors".
func counted(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.FormatUint(n, 10) + " " + what + "s"
}

// traffic is "30 requests, 1 error".
func traffic(requests, errors uint64) string {
	return counted(requests, "request") + ", " + counted(errors, "error")
}

// sampled is "30 requests, 1 error, 2 slow".
func sampled(s module.Sample) string {
	text := traffic(s.Requests, s.Errors)
	if s.Slow > 0 {
		text += ", " + strconv.FormatUint(s.Slow, 10) + " slow"
	}
	return text
}

// share is a release with its weight, "1.0.0 75%".
func share(r *module.ReleaseStatus) string {
	if r == nil {
		return "-"
	}
	return r.Version + " " + r.Weight.String()
}

// trouble says what is wrong with a stable release that is not up; empty where it is.
func trouble(stable *module.ReleaseStatus) string {
	if stable == nil || stable.Reason == "" && stable.State != module.Restarting && stable.State != module.Failed {
		return ""
	}
	what := "is " + string(stable.State)
	if stable.Restarts > 0 {
		what += " after " + counted(uint64(stable.Restarts), "restart")
	}
	return because(what, stable.Reason)
}

// way is a rollout's strategy with its steps and its hold, "gradual 1% → 25% → 100%,
// hold 10s".
func way(r *module.RolloutStatus) string {
	if r.From == "" {
		return fmt.Sprintf("the first release: all traffic at once, hold %s", r.Hold)
	}
	if r.Strategy != manifest.Gradual || len(r.Steps) == 0 {
		return fmt.Sprintf("%s, hold %s", r.Strategy, r.Hold)
	}
	steps := make([]string, len(r.Steps))
	for i, step := range r.Steps {
		steps[i] = step.String()
	}
	return fmt.Sprintf("%s %s, hold %s", r.Strategy, strings.Join(steps, " → "), r.Hold)
}

// outcome says in a sentence how far a rollout is.
func outcome(r *module.RolloutStatus) string {
	switch r.Phase {
	case "pending":
		return "it is accepted; no process of it runs yet"
	case "starting":
		return "its process is being started"
	case "warming":
		return "it runs; its probes must pass"
	case "checking":
		return "it runs; it is tried before its first user"
	case "shifting":
		if r.Step < 1 || r.Step > len(r.Steps) {
			return "traffic moves to it"
		}
		return fmt.Sprintf("step %d of %d: it has %s of the traffic", r.Step, len(r.Steps), r.Steps[r.Step-1])
	case "promoted":
		return "it has all the traffic"
	case "failed":
		return because("it never got traffic", r.Reason)
	case "aborted":
		return because("it was stopped on its way", r.Reason)
	case "superseded":
		return because("a newer release took its place", r.Reason)
	}
	if r.Over() {
		return because("it was taken back", r.Reason)
	}
	return because("it is being taken back", r.Reason)
}

// end says what became of a rollout that is over, and what serves now.
func end(r *module.RolloutStatus) string {
	what := "was taken back"
	switch r.Phase {
	case "promoted":
		return "is promoted: stable, all the traffic"
	case "failed":
		what = "never got traffic"
	case "aborted":
		what = "was stopped on its way"
	case "superseded":
		what = "gave way to a newer release"
	}
	serves := "nothing serves"
	if r.From != "" {
		serves = r.Module + "@" + r.From + " serves on"
	}
	return because(what, r.Reason) + "; " + serves
}

func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

// succeeded reports whether a rollout that is over brought its release in.
func succeeded(r *module.RolloutStatus) bool { return r.Phase == "promoted" }
