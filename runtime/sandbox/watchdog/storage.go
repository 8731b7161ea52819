package watchdog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// walkEvery is how often the folders are looked through at most.
const walkEvery = time.Second

// outgrow is how much more the folders may hold than when their writers were held back:
// writes were under way. More means that they are not held, or that they make empty files,
// which nothing holds back.
const outgrow = 16 << 20

// watchStorage keeps the folders from growing beyond their quota.
func (w *Watchdog) watchStorage(ctx context.Context) error {
	most := int64(min(w.cfg.Quotas.Storage, uncountable-1))
	held, since := false, int64(0) // since: what they held at the first look after
	defer func() {
		if held {
			_ = w.crew.each(unhold)
		}
	}()
	for pause := time.Duration(0); rest(ctx, pause); {
		begin := time.Now()
		upTo := most
		if held { // how much more matters
			upTo = uncountable - 1
		}
		used, err := w.stored(ctx, upTo)
		if err != nil {
			return fmt.Errorf("watch storage: %w", err)
		}
		if ctx.Err() != nil {
			return nil // it may not have counted all
		}
		pause = max(walkEvery, costShare*time.Since(begin))
		switch {
		case used > most && !held:
			w.cfg.Reached(Storage)
			held, since, pause = true, 0, 0
		case held && since == 0:
			since = used
		case held && used > since+outgrow:
			w.cfg.Kill(Storage)
			return nil
		}
		if held && used < most/20*19 {
			held = false
			if err := w.crew.each(unhold); err != nil {
				return nil
			}
		}
		if !held {
			continue
		}
		// Those that were started since are held as well.
		w.crew.fresh()
		switch err := w.crew.each(hold); {
		case errors.Is(err, unix.EPERM):
			w.cfg.Kill(Storage)
			return nil
		case err != nil:
			return nil
		}
	}
	return nil
}

// hold makes a process's writes to files fail.
func hold(pid int) error { return limitFiles(pid, func(unix.Rlimit) uint64 { return 0 }) }

// unhold takes hold back.
func unhold(pid int) error { return limitFiles(pid, func(l unix.Rlimit) uint64 { return l.Max }) }

// limitFiles sets how big a file a process may write, which it could set back only to
// what it had.
func limitFiles(pid int, to func(now unix.Rlimit) uint64) error {
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, nil, &limit); err != nil {
		return err
	}
	limit.Cur = to(limit)
	return unix.Prlimit(pid, unix.RLIMIT_FSIZE, &limit, nil)
}

// stored is what the folders hold, with the files that are held open and have no name
// any more. It counts no further than what is more than most.
func (w *Watchdog) stored(ctx context.Context, most int64) (int64, error) {
	t := tally{most: most, linked: map[inode]bool{}}
	for _, folder := range w.cfg.Folders {
		if err := t.folder(ctx, folder); err != nil {
			return 0, err
		}
	}
	// There can be many: a kill does not wait for this.
	if leader, err := w.crew.leader(); err == nil {
		t.unnamed(leader)
	}
	for _, m := range w.crew.others() {
		t.unnamed(m.pid)
	}
	return t.used, nil
}
