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
//     no room waits in its release's queue, where nobody overtakes it, or is answered by the
//     host: it is no outcome of the target. What has waited is no evidence.
//   - A target that was taken out (see Ejection) gets requests only where no other of its
//     release is up. At most a share of a release's targets is out, and never the last.
//   - What a request has failed on does not get it again.
//   - A user who can be told apart stays on one side of a rollout, but for the requests
//     that its side could not take or failed.
//   - A request is taken back only where a stable target is up and its replay is paid for.
//     It is no evidence: its target has been judged, or given up, already.
//   - A replay goes to stable, from a target that is not stable's, under a Shield; or to a
//     sibling of the same release, under a Retry. It is never replayed again.
//   - What is long (proxy.Answer.Long) is cut by a drain at its own limit alone, or at the
//     end of the drain's context, and is asked to go away before.
//   - The door (see Door) is looked at before a request is dealt, and never again.
//
// Without a rollout, a shield, a retry, a preview, a tap, a door and a queue, none of them
// costs a request more than a look at whether they are there; nor do ejection and slow
// starts where every target is trusted and warm. A release of one target costs the one
// lock of that target, twice.
//
// The package starts no goroutine, but that a drain whose limit has come cancels
// each request in one of its own, which ends as soon as Request.Cancel returns; that a drain
// of a release, while it lasts, has one for each target; and that requests are taken back
// in one, seconds after an Apply, which waits for nothing and which Group.Close ends.
//
// Pool.mu is held alone, over a change of the modules and over their counters of refusals.
// The lock order of the others is Group.mu, Release.mu, the line of a release's queue, Target.mu; that of
// outliers and the line before a door are held alone or last. Nothing of the caller's is
// called under any.
package balance
