// Package watch turns a directory into settled executables: whatever way a file
// comes into it (mv, cp, rsync, scp, install, an overwrite in place, a slow writer),
// each whole version of it is offered exactly once, and a version that is not whole
// is never offered.
//
// # What is whole
//
// A regular file is whole when nobody has it open for writing and all that its ELF
// headers announce is there. The first is asked with a read lease (F_SETLEASE), which
// the kernel refuses while a writer exists. The lease is held until [Offer.Close], so
// that nobody can write in the middle of the copy: somebody who opens the file for
// writing waits until then (the kernel breaks the lease after 45 s; the SIGIO with
// which it asks is ignored by Go programs). Where a lease may not be had (another
// owner's file, a network file system) the file's size and times must have rested for
// a while, and [Offer.Verify] finds out what changed during the copy.
//
// # What always holds
//
//   - Notices of one name come in the order in which things happened to it, and only
//     the newest one waits: a notice that is no longer true when the consumer is ready
//     is withdrawn, not delivered late.
//   - A version is known by device, inode, size and modification time of the file and
//     of its sidecar. It is offered once, or refused once; chmod, chown and a rename
//     of the same file in place do not make another version; a rewrite or touch does.
//   - What the machine has no means to look at (it has run out of descriptors or memory,
//     the disk does not answer) is neither refused nor removed, but looked at again
//     until something is known of it; [Waiting] says so where that takes long.
//   - A version that the consumer could not take now is offered once more for each
//     [Offer.Retry], after a pause that grows.
//   - At most one file is open on behalf of the consumer and not yet delivered.
//   - A name that was offered and has been absent for the remove grace is reported as
//     removed. When the directory itself is lost that says nothing about its files:
//     it is made again and watched again, and no removal is reported for that.
//   - Nothing found in the directory is ever executed or opened in a way that blocks.
//
// # Names
//
// Names that begin with a dot are ignored, as are those of unfinished transfers and
// of editors: a final "~", "#…#", and the suffixes .tmp, .part, .partial, .filepart,
// .crdownload, .swp and .swx. NAME.module.yaml is the sidecar of NAME and no offer
// itself. A symbolic link offers the file that it points to; a change behind the link
// is noticed at the next rescan only. A link, symbolic or hard, is taken when it has
// rested, not at once: ln makes it under a passing name first.
//
// # Concurrency
//
// One goroutine, the one in [Watcher.Run], owns all state and waits in one select. It
// always receives from fsnotify, whatever the consumer does, so that a slow consumer
// loses no events. There are no locks; an [Offer] tells the watcher of its Close by an
// atomic and of its Retry over a channel that Run always receives from.
package watch
