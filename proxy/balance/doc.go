// Package balance chooses the target of each request: a Pool knows the modules, a
// Group splits one module's requests over its releases by exact shares, a Release picks
// that one of its targets which has the fewest requests, and a Target is one running
// instance with its requests in flight and its counters. It is a proxy.Director.
//
// What always holds:
//   - Over any n requests of a module in a row, a release of weight w gets n·w/10000
//     of them, give or take less than two (see Slots).
//   - A request is in flight on its target, under the target's lock, before it is
//     given out; Drain begins under the same lock. So a drain that has seen nothing in
//     flight has seen all there ever will be, and a request that lost the race is
//     given to what the group has by then.
//   - Shares, and the pool's modules with their routes, are swapped whole: a request
//     sees the old set or the new one, never a mixture.
//   - Shares are of releases: they stay exact while a release's targets come and go. A
//     request waits for no target while another one of its release is up.
//   - A release of which no target is up loses its requests to the stable ones at once.
//     Where no stable one is left, requests wait for one, bounded in number and time; a
//     candidate never inherits more than its share.
//   - While a rollout is under way, a request is evidence where chance, or its user's
//     place, gave it to a target that could have got it otherwise: what is inherited,
//     spilled over a cap, replayed or previewed is not.
//   - A target has no more requests in flight than it may (TargetConfig.Most). What finds
//     no room is answered by the host: it is no outcome of the target, and no evidence.
//   - A user who can be told apart stays on one side of a rollout, but for the requests
//     that its side could not take or failed.
//   - A request is taken back only where a stable target is up and its replay is paid for.
//     It is no evidence: its target has been judged, or given up, already.
//   - A replay is asked for by a target that is not stable's, answered by one that is, and
//     never replayed again.
//
// Without a rollout, a shield, a preview and a tap, none of them costs a request more
// than a look at whether they are there.
//
// The package starts no goroutine, but that a drain which has no more time cancels
// each request in one of its own, which ends as soon as Request.Cancel returns, and that
// requests are taken back in one, seconds after an Apply, which waits for nothing.
// The lock order is Group.mu, Release.mu, Target.mu, and nothing of the caller's is called
// under any.
package balance
