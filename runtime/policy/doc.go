// Package policy says how a module's releases come in: all that an operator can set
// of it, each field by its name and text, and the pure answers that follow from it
// (is this moment frozen, may this request be replayed). It decides nothing about a
// rollout that runs; that is runtime/rollout's.
//
// Every value is immutable once made. There are no goroutines and no clocks: time
// comes in as an argument.
package policy
