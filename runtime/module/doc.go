// Package module holds the values that every part of the runtime speaks of:
// releases, digests, errors by kind, actors, events, and the status of a module as
// the API shows it. They are pure: nothing here does I/O or starts a goroutine.
package module
