package watchdog

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/sdk/manifest"
)

// The quotas that it tells of, as a manifest calls them.
const (
	Memory    = "memory"
	Storage   = "storage"
	Processes = "processes"
)

// Config says who is watched, and what becomes of it. Process, Reached and Kill are
// needed.
type Config struct {
	// Process calls f with the process's pid, which no other process can get before f
	// has returned. Where the process is gone it is an error, and f is not called.
	Process func(f func(pid int) error) error
	// Spawns says that it may start other processes, which count too.
	Spawns bool
	// Quotas are those that it is held to. Memory, CPU and Storage are watched where
	// they are not zero and not Counted.
	Quotas manifest.Quotas
	// Folders are absolute paths, whose contents count together against Storage.
	Folders []string
	// Counted are the quotas that a cgroup enforces, and Hits how often it did; nil
	// where there is none.
	Counted sandbox.Counted
	Hits    func() sandbox.Hits
	// Serving is closed when the process serves; before, its processor time is its own.
	// Nil means that it does.
	Serving <-chan struct{}
	// Reached is told that a quota was reached. It must not block.
	Reached func(quota string)
	// Kill ends the process, and all that it has started, for the quota that it has
	// reached; Reached was told. It must not block.
	Kill func(quota string)
}

// Watchdog watches one process.
type Watchdog struct {
	cfg  Config
	crew *crew
}

// New makes a Watchdog.
func New(cfg Config) *Watchdog {
	return &Watchdog{cfg: cfg, crew: &crew{process: cfg.Process, spawns: cfg.Spawns}}
}

// Run watches until the process is gone or ctx ends. An error says that a quota could
// not be watched to the end; the others were.
func (w *Watchdog) Run(ctx context.Context) error {
	q, counted := w.cfg.Quotas, w.cfg.Counted
	var wg sync.WaitGroup
	var failed [4]error
	watch := func(n int, wanted bool, run func(context.Context) error) {
		if wanted {
			wg.Go(func() { failed[n] = run(ctx) })
		}
	}
	watch(0, q.Memory > 0 && !counted.Memory, w.watchMemory)
	watch(1, q.CPU > 0 && !counted.CPU, w.throttle)
	watch(2, q.Storage > 0 && len(w.cfg.Folders) > 0, w.watchStorage)
	watch(3, w.cfg.Hits != nil && (counted.Memory || counted.Processes), w.watchHits)
	wg.Wait()
	return errors.Join(failed[:]...)
}

// hitsEvery is how often a cgroup is asked what it has refused.
const hitsEvery = time.Second

// watchHits tells of what the cgroup has refused, once for each look at which it was
// more than before.
func (w *Watchdog) watchHits(ctx context.Context) error {
	var before sandbox.Hits
	for rest(ctx, hitsEvery) {
		if _, err := w.crew.leader(); err != nil {
			return nil
		}
		now := w.cfg.Hits()
		if now.Memory > before.Memory {
			w.cfg.Reached(Memory)
		}
		if now.Processes > before.Processes {
			w.cfg.Reached(Processes)
		}
		before = now
	}
	return nil
}

// kill ends the process for a quota.
func (w *Watchdog) kill(quota string) {
	w.cfg.Reached(quota)
	w.cfg.Kill(quota)
}

// rest waits, and reports whether ctx still runs.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
