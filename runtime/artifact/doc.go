// Package artifact stores the bytes of releases under the digest of what they are.
//
// An artifact is an executable with its manifest. The manifest is embedded in the
// executable, or stands beside it as a sidecar. The digest covers the artifact: it is
// the SHA-256 of the executable where the manifest is embedded, and where a sidecar
// has it, the SHA-256 of the two SHA-256 sums, the executable's and the sidecar's, one
// behind the other. So one digest always means one executable and one manifest. A
// sidecar that says the same as the embedded manifest counts for nothing; one that
// says something else is refused.
//
// # What always holds
//
//   - What is hashed is read through a descriptor opened read-only, behind the only
//     writer there ever is, which is closed before anything is believed. That very
//     descriptor is handed out to be executed.
//   - A file under a digest's name is whole, mode 0555 (a module may run as
//     another user; the folder is for its owner alone), and never written again. Its
//     sidecar is there before it and goes after it.
//   - A file that somebody else rewrites in place all the same is noticed before it is
//     executed, by [Artifact.Verify], as far as the file system's clock tells two
//     changes apart.
//   - A failed Stage leaves nothing behind, whatever failed.
//   - An artifact that is handed out and not closed is not collected.
//
// # Durability
//
// [Store.Stage] does not bring anything to the disk; [Artifact.Flush] does. A flush is
// slow, and a file system's journal makes every small write that comes meanwhile wait
// for it, so the caller chooses the moment. What a power cut damages before that is
// found by its digest at the next Load.
//
// # Text file busy
//
// A process that another goroutine forks while a copy is being written inherits the
// writing descriptor until it executes, a moment later, and the kernel refuses to
// execute the file until then. Keeping forks away during the copy would stop every
// start of an instance for as long as an upload takes; the launcher tries again
// instead.
//
// # Concurrency
//
// A Store is for use by many goroutines. Its one lock guards the table of what is
// handed out and every change of a name in the directory; nothing slow happens under
// it. The copy of what was stored already is removed in the background; [Store.Close]
// joins that. The goroutine that reads ahead while the caller hashes ends with the call.
package artifact
