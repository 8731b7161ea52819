// Package executable says what a file's bytes are without running them: an
// executable of this machine, one of another, a script, a text, and, for an ELF
// file, how far it must reach to be whole.
//
// [Inspect] is pure over an [io.ReaderAt]: it reads headers only, a bounded amount
// whatever they claim, and trusts no offset in them. [Info.Check] compares what was
// found with this machine, and looks at the file system for one thing: whether the
// dynamic loader that the file names exists.
//
// Nothing here keeps state or starts a goroutine.
package executable
