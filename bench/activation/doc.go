// Command activation measures how long it takes from the rename of a file into the
// modules folder until a client gets the first answer of the new release, with the
// strategy instant and the real hello module. Each time the file is a release that
// the runtime has never seen.
//
// Between any two activations it measures the floor on the same machine in the
// same state: starting an empty Go program, starting and pinging an empty
// go-plugin, hashing and copying the same file. It prints a Markdown table with
// p50 and p95, and the phases from the rollout's own record.
package main
