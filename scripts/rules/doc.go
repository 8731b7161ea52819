// Package rules keeps the house in order: it reads the repository's Go files and
// reports every place that breaks one of the rules in CONTRIBUTING.md, each with
// the remedy. Its test runs the rules over this repository, so `go test ./...`
// is what enforces them.
//
// Everything works on syntax alone: nothing is type-checked or executed, and
// folders named testdata, hidden folders and build outputs are not read. There
// are no goroutines.
package rules
