package artifact

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
)

// stagingPrefix begins the names of copies that have no digest yet.
const stagingPrefix = ".staging-"

// Config says where artifacts are. Zero values mean the default.
type Config struct {
	// Dir is made with mode 0700 where it is missing. Required; one Store a directory.
	Dir string
	// MaxSize is how many bytes an executable may have. Default 1 GiB.
	MaxSize int64
	// Logger is told of stored files that were found damaged. Default: none.
	Logger *zap.Logger
}

// Store is a directory of artifacts. Open makes it.
type Store struct {
	dir     string // absolute
	maxSize int64
	log     *zap.Logger
	sys     system
	// removals are the copies being removed in the background.
	removals sync.WaitGroup

	mu    sync.Mutex
	out   map[module.Digest]int  // artifacts handed out and not closed
	seals map[module.Digest]seal // files that were hashed, as they were then
}

// system is what the store asks of the operating system; a test puts faults in.
type system struct {
	copy   func(dst *os.File, src io.Reader, limit int64) (int64, error)
	sync   func(*os.File) error
	rename func(from, to string) error
}

// Open makes the directory where it is missing, and removes what interrupted stagings
// left in it.
func Open(cfg Config) (*Store, error) {
	if cfg.Dir == "" {
		return nil, &module.Error{Kind: module.Invalid, Field: "artifacts", Msg: "no directory to store artifacts in"}
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open artifacts in %s: %w", cfg.Dir, err)
	}
	if err := prepare(dir); err != nil {
		return nil, &module.Error{
			Kind: module.Unavailable, Field: "artifacts", Value: dir, Err: err,
			Hint: fmt.Sprintf("the directory must be owned by user id %d, and writable", os.Geteuid()),
		}
	}
	return &Store{
		dir:     dir,
		maxSize: cmp.Or(cfg.MaxSize, 1<<30),
		log:     cfg.Logger.Named("artifact"),
		sys:     system{copy: copyBytes, sync: (*os.File).Sync, rename: os.Rename},
		out:     make(map[module.Digest]int),
		seals:   make(map[module.Digest]seal),
	}, nil
}

// prepare makes the directory ours alone and empties it of leftovers.
func prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), stagingPrefix) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// Close waits for what is being removed. Artifacts that are out stay usable
// and are closed by who has them.
func (s *Store) Close() error {
	s.removals.Wait()
	return nil
}

func (s *Store) path(d module.Digest) string { return filepath.Join(s.dir, string(d)) }

// hold counts an artifact of d as handed out, so that it is not collected.
func (s *Store) hold(d module.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out[d]++
}

func (s *Store) release(d module.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out[d]--; s.out[d] == 0 {
		delete(s.out, d)
	}
}
