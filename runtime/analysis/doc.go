// Package analysis turns counts of requests into a verdict on a candidate. Every
// function is pure: no clock, no I/O, no state, so that a verdict can be replayed
// from the record of a rollout.
package analysis
