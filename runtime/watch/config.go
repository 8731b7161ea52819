package watch

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
)

// Config says what to watch. Zero values mean the default.
type Config struct {
	// Dir is the directory; it is made where it is missing. Required.
	Dir string
	// Logger gets what concerns the directory as a whole. Default: none.
	Logger *zap.Logger

	// Quiet is how long something must rest before it is taken without a lease, or
	// refused. Default 500 ms.
	Quiet time.Duration
	// Grace is how long an incomplete file must rest before it is refused: a slow
	// writer may close and open it between two pieces. Default 2 s.
	Grace time.Duration
	// RemoveGrace is how long a name must be absent before it counts as removed.
	// Default 2 s.
	RemoveGrace time.Duration
	// WaitAfter is when the first Waiting is given for a file that does not become
	// whole; each further one takes twice as long. Default 30 s.
	WaitAfter time.Duration
	// Retry is how long after [Offer.Retry] the version is offered again; each further
	// time it takes twice as long, up to 32 times this. Default 2 s.
	Retry time.Duration
	// Rescan is the time between two scans that look for what no event told.
	// Default 30 s.
	Rescan time.Duration
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	c.Quiet = cmp.Or(c.Quiet, 500*time.Millisecond)
	c.Grace = cmp.Or(c.Grace, 2*time.Second)
	c.RemoveGrace = cmp.Or(c.RemoveGrace, 2*time.Second)
	c.WaitAfter = cmp.Or(c.WaitAfter, 30*time.Second)
	c.Retry = cmp.Or(c.Retry, 2*time.Second)
	c.Rescan = cmp.Or(c.Rescan, 30*time.Second)
	return c
}

// Open makes the directory where it is missing and checks that it can be read. The
// watcher does nothing before Run. Errors are *module.Error.
func Open(cfg Config) (*Watcher, error) {
	cfg = cfg.withDefaults()
	if cfg.Dir == "" {
		return nil, &module.Error{Kind: module.Invalid, Field: "modules", Msg: "no directory to watch", Hint: "set --modules DIR"}
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		_, err = os.ReadDir(dir)
	}
	if err != nil {
		return nil, &module.Error{
			Kind: module.Invalid, Field: "modules", Value: cfg.Dir, Err: err,
			Hint: fmt.Sprintf("the directory must be readable for user id %d", os.Geteuid()),
		}
	}
	return &Watcher{
		cfg:      cfg,
		dir:      dir,
		log:      cfg.Logger.Named("watch"),
		notices:  make(chan Notice),
		retries:  make(chan *Offer),
		ended:    make(chan struct{}),
		entries:  make(map[string]*entry),
		starting: make(map[*entry]struct{}),
	}, nil
}
