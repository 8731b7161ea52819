package main

import (
	"github.com/segue-run/segue/runtime/module"
)

// waitsFor says in the runtime's own words what a rollout waits for and what moves it;
// empty where it waits for nothing.
func waitsFor(r *module.RolloutStatus) string {
	if r.Waiting == nil || r.Over() {
		return ""
	}
	if r.Waiting.Message == "" {
		return "for " + r.Waiting.For
	}
	return r.Waiting.Message
}

// waitsSince is "since 3m, until 2026-06-08 08:00:00; then it is given up".
func waitsSince(w *module.Waiting) string {
	text := "since " + age(w.Since)
	if !w.Deadline.IsZero() {
		text += ", until " + clock(w.Deadline)
		if w.For == module.ForGrant || w.For == module.ForApproval {
			text += "; then it is given up"
		}
	}
	return text
}

// where says how far a rollout is and what it waits for.
func where(r *module.RolloutStatus) string {
	text := waitsFor(r)
	if text == "" {
		return outcome(r)
	}
	text = "waits " + waitsSince(r.Waiting) + ": " + text
	if isQueued(r) {
		return text
	}
	return outcome(r) + "; " + text
}

// isQueued reports whether a deploy was answered with a release that waits for the end
// of another rollout.
func isQueued(r *module.RolloutStatus) bool {
	return r.Waiting != nil && r.Waiting.For == module.ForQueue
}
