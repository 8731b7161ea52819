// Package trial plays one simulated rollout: requests are dealt to stable and
// candidate by the proxy's own slots (or by a hash of the user, where one stays with
// a release), their answers are counted, the verdict is asked for, and the steps go
// on, or back, as the engine's would.
//
// A trial is a pure function of its Config and its seed. There are no goroutines and
// no clock but the requests' own time.
//
// Every request has its fate before it is dealt: whether it fails for any release,
// whether it fails for the candidate, whether it may be replayed. So different ways
// to decide can be shown the very same traffic: Run decides by the evidence, Watch
// by thresholds at fixed intervals.
package trial
