// Package policy says how a module's releases come in: all that an operator can set
// of it, each field by its name and text, and the pure answers that follow from it
// (is this moment frozen, may this request be replayed). It decides nothing about a
// rollout that runs; that is runtime/rollout's.
//
// One table (field.go) holds each field's name, its reader and its writer. segue.yaml,
// Validate and Text all go by it, so that what can be written is what is valid. Layers
// are put together with Over; Complete closes what is left open.
//
// What always holds:
//   - What Set took is valid, and Text writes it as Set reads it.
//   - What an author may suggest (manifest.Rollout) is checked and written as in a
//     manifest; nothing else can come from one.
//   - An error about a hook does not tell the secrets of its URL; Redacted is a policy
//     that may be shown.
//   - What freezes is read once, and then kept by its text; a window that cannot be
//     read freezes. The zones of windows are the machine's: a program that may run where
//     there are none imports time/tzdata, as segue does.
//
// Every value is immutable once made. There are no goroutines and no clocks: time comes
// in as an argument. The windows that were read are shared, and no lock is held on them.
package policy
