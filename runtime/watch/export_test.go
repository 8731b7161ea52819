package watch

import "github.com/fsnotify/fsnotify"

// Overflow tells the watcher, as the kernel would, that events were lost. Run must
// have begun.
func (w *Watcher) Overflow() { w.fs.Errors <- fsnotify.ErrEventOverflow }
