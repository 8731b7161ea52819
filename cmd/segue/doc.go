// Command segue is the runtime (`segue run`) and its command line, in one binary.
// One command is one file; root.go joins them.
//
// What always holds:
//   - The exit code is 0 for done, 1 for refused or failed, 2 for wrong usage, 3 for
//     a runtime that cannot be reached, 4 for a wait that ran out, 130 for one that
//     was interrupted.
//   - What a command was asked for goes to standard output; everything else to
//     standard error.
//   - What comes from a module (a reason, a message, a file's name) is printed
//     without control characters: it cannot write to the operator's terminal.
//
// Goroutines: one waits for signals and is joined by execute; `deploy --wait` has
// one that follows events and joins it.
package main
