// Package traffic makes up the requests of simulated rollouts: when each comes, who
// asks, how long it takes, and whether it would fail whoever answered it.
//
// The same seed gives the same requests. What a request's fate is never depends on
// the side that it is dealt to; that is the simulated candidate's part, and not in
// here. A Source belongs to one goroutine.
package traffic
