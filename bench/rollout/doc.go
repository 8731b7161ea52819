// Command rollout measures by simulation how well rollouts decide: how often a
// release that is no worse is taken back, how many requests a bad one gets before it
// goes, and how long a good one takes. It plays each kind of rollout many times from
// fixed seeds (see internal/trial), so that a second run gives the same figures on
// any machine; prints Markdown tables, and writes them and plots into a folder.
//
// It exits 1 where a figure misses its target, after it has written everything. Where
// a file with figures of the real engine is given (see the test of this package), it
// says whether they agree with the simulation's.
package main
