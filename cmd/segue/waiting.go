package main

import (
	"strings"

	"github.com/segue-run/segue/runtime/module"
)

// waits says what a rollout waits for, since when, and the command that moves it: "for
// approval at before_traffic since 3m: segue approve hello". It is empty where it waits
// for nothing.
func waits(r *module.RolloutStatus) string {
	w := r.Waiting
	if w == nil || r.Over() {
		return ""
	}
	var what string
	switch w.For {
	case "pause":
		what = "for whoever paused it to resume it"
		if w.Actor != "" {
			what = "paused by " + w.Actor
		}
	case "approval":
		what = "for approval"
	case "hook":
		what = "for the hook"
	case "freeze":
		what = "for the end of a freeze"
	case "checks":
		what = "for its checks"
	case "rehearsal":
		what = "for its rehearsal"
	case "hold":
		what = "for evidence, or an operator"
	case "queue":
		what = "for the end of another rollout"
	default:
		what = "for " + w.For
	}
	if w.Point != "" {
		what += " at " + w.Point
	}
	if !w.Since.IsZero() {
		what += " since " + age(w.Since)
	}
	if !w.Deadline.IsZero() {
		what += ", until " + clock(w.Deadline)
	}
	return because(what, strings.Join(moves(r), " or "))
}

// moves are the commands that let a rollout which waits go on.
func moves(r *module.RolloutStatus) []string {
	if r.Waiting == nil {
		return nil
	}
	switch r.Waiting.For {
	case "pause":
		return []string{"segue resume " + r.Module}
	case "approval":
		return []string{"segue approve " + r.Module}
	case "hold":
		return []string{"segue promote " + r.Module, "segue abort " + r.Module}
	}
	return nil
}

// where says how far a rollout is and what it waits for.
func where(r *module.RolloutStatus) string {
	text := waits(r)
	if text == "" {
		return outcome(r)
	}
	if r.Waiting.For != "pause" || r.Waiting.Actor == "" {
		text = "waits " + text
	}
	if r.Waiting.For == "queue" {
		return text
	}
	return outcome(r) + "; " + text
}

// isQueued reports whether a deploy was answered with a release that waits for the end
// of another rollout.
func isQueued(r *module.RolloutStatus) bool {
	return r.Waiting != nil && r.Waiting.For == "queue"
}
