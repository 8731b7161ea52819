// Package analysis turns counts of requests into a verdict on a candidate, by
// evidence that may be looked at after every request. Every function is pure: no
// clock, no I/O, no state, no goroutine, so that a verdict can be replayed from the
// record of a rollout.
package analysis
