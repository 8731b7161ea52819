package state

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/module"
)

const (
	// defaultReserve is the free space below which nothing is written: a journal of
	// the file system and our own log need a little.
	defaultReserve = 4 << 20
	// ackTimeout bounds one durable write. A disk that takes longer has failed.
	ackTimeout = 10 * time.Second
)

// nameForm is what buckets, streams, keys and subjects may be called.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

// Config says where the state is kept.
type Config struct {
	// Dir is the state directory; it is made with mode 0700 where it does not exist.
	Dir string
	// Logger gets the server's warnings and errors; nil for none.
	Logger *zap.Logger
	// Reserve is how many bytes must stay free on Dir's file system; a write that
	// finds fewer is refused with ErrFull. 0 means 4 MiB.
	Reserve uint64
}

// Store is an open state directory. It is safe for concurrent use.
type Store struct {
	dir     string
	log     *zap.Logger
	reserve uint64
	lock    *os.File

	mu     sync.RWMutex
	engine *engine         // nil once closed, and after a restart that did not succeed
	parts  map[string]part // the buckets and streams in use, by the stream's name
	closed bool
}

// part is a bucket or stream. It looks at what the server recovered before its first
// use and after each restart.
type part interface {
	load(ctx context.Context, e *engine) error
	close() error
}

// Open locks the directory, starts the server and gives the store; it takes some
// milliseconds and the more the more there is to recover. Errors: Conflict where
// another runtime has the directory, Denied and Invalid where the directory cannot be
// used, Unavailable (ErrFull) where the disk is full.
func Open(cfg Config) (*Store, error) {
	if cfg.Dir == "" {
		return nil, &module.Error{Kind: module.Invalid, Field: "state", Msg: "no directory given", Hint: "name one with --state"}
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, pathError(cfg.Dir, err)
	}
	s := &Store{dir: dir, log: cfg.Logger, reserve: cfg.Reserve, parts: map[string]part{}}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	s.log = s.log.Named("state")
	if s.reserve == 0 {
		s.reserve = defaultReserve
	}
	if s.lock, err = takeLock(dir); err != nil {
		return nil, err
	}
	if s.engine, err = s.start(); err != nil {
		s.lock.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) start() (*engine, error) {
	for _, sub := range []string{s.marksDir(), s.serverDir()} {
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return nil, pathError(sub, err)
		}
		if err := checkAccess(sub); err != nil {
			return nil, err
		}
	}
	return startEngine(s.dir, s.log)
}

func (s *Store) serverDir() string { return filepath.Join(s.dir, "jetstream") }
func (s *Store) marksDir() string  { return filepath.Join(s.dir, "marks") }

// streamDir is where the server keeps one stream.
func (s *Store) streamDir(stream string) string {
	return filepath.Join(s.serverDir(), "$G", "streams", stream)
}

// Close ends the store: operations that run are waited for, later ones give
// ErrClosed, and all goroutines are joined. A second call does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.engine != nil {
		s.engine.stop()
		s.engine = nil
	}
	var errs []error
	for _, p := range s.parts {
		errs = append(errs, p.close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// full reports whether the file system is down to the reserve.
func (s *Store) full() bool {
	var fs unix.Statfs_t
	if err := unix.Statfs(s.dir, &fs); err != nil {
		return false // the write will tell
	}
	return fs.Bavail*uint64(fs.Bsize) < s.reserve
}

// read runs fn with a server that answers, and keeps it from being replaced meanwhile.
// One that can no longer write still reads while there is no room for another.
func (s *Store) read(ctx context.Context, fn func(*engine) error) error {
	for range 2 {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.mu.RLock()
		if s.closed {
			s.mu.RUnlock()
			return closedError()
		}
		if e := s.engine; e != nil && (e.failed.Err() == nil || s.full()) {
			defer s.mu.RUnlock()
			return fn(e)
		}
		s.mu.RUnlock()
		if err := s.restart(ctx); err != nil {
			return err
		}
	}
	return &module.Error{Kind: module.Unavailable, Field: "state", Value: s.dir, Msg: "the state server fails again and again"}
}

// write runs fn with a server that can write. fn's context does not end with ctx: a
// write once begun is not broken off by its caller, so that what is known of the disk
// stays true. It ends with the server's failure or after ackTimeout.
//
// Where the connection was cut, fn is run once more on a server that recovered: again
// is true then, and whether the first attempt got through is known from what was loaded.
func (s *Store) write(ctx context.Context, fn func(ctx context.Context, e *engine, again bool) error) error {
	err := s.writeOnce(ctx, func(ctx context.Context, e *engine) error { return fn(ctx, e, false) })
	if !errors.Is(err, nats.ErrConnectionClosed) {
		return err
	}
	return s.writeOnce(ctx, func(ctx context.Context, e *engine) error { return fn(ctx, e, true) })
}

func (s *Store) writeOnce(ctx context.Context, fn func(context.Context, *engine) error) error {
	if s.full() {
		return fullError(s.dir)
	}
	return s.read(ctx, func(e *engine) error {
		wctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
		defer cancel()
		defer context.AfterFunc(e.failed, cancel)()
		err := s.translate(fn(wctx, e))
		if err == nil || errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
			return err
		}
		e.fail(err) // the outcome is unknown: recover before the next operation
		return s.translate(context.Cause(e.failed))
	})
}

// Health is nil while the store can be used. A server that has failed is restarted
// first, as any operation would; while somebody else does that, the store is
// Unavailable, and nothing is waited for. A full disk is no matter of health: what was
// written can be read, and each write says so itself.
func (s *Store) Health() error {
	if !s.mu.TryRLock() { // held exclusively for a restart and the like
		return &module.Error{Kind: module.Unavailable, Field: "state", Value: s.dir, Msg: "the state server is being started"}
	}
	s.mu.RUnlock()
	return s.read(context.Background(), func(*engine) error { return nil })
}

// restart replaces a server that failed. Reading and writing wait for it.
func (s *Store) restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.engine != nil && s.engine.failed.Err() == nil {
		return nil
	}
	if s.full() {
		return fullError(s.dir) // the server could not recover without room
	}
	if s.engine != nil {
		s.log.Warn("state server is restarted", zap.NamedError("cause", context.Cause(s.engine.failed)))
		s.engine.stop()
		s.engine = nil
	}
	e, err := s.start()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.parts)) {
		if err := s.parts[name].load(context.WithoutCancel(ctx), e); err != nil {
			e.stop()
			return err
		}
	}
	s.engine = e
	return nil
}

// add loads a part under its stream's name, once: a second call gives the first's.
func add[P part](ctx context.Context, s *Store, stream string, p P) (P, error) {
	var none P
	if err := s.read(ctx, func(*engine) error { return nil }); err != nil {
		return none, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine == nil {
		return none, closedError()
	}
	if have, ok := s.parts[stream].(P); ok {
		return have, nil
	}
	if err := p.load(ctx, s.engine); err != nil {
		return none, errors.Join(err, p.close())
	}
	s.parts[stream] = p
	return p, nil
}

// checkSize refuses what the server would not take.
func checkSize(field, name string, data []byte) error {
	if len(data) > maxRecord {
		return &module.Error{Kind: module.Invalid, Field: field, Value: name,
			Msg: fmt.Sprintf("%d bytes are more than the %d that one record may have", len(data), maxRecord)}
	}
	return nil
}

func closedError() error { return &module.Error{Kind: module.Unavailable, Err: ErrClosed} }

func checkName(field, name string) error {
	if !nameForm.MatchString(name) {
		return &module.Error{Kind: module.Invalid, Field: field, Value: name, Msg: "not a name",
			Hint: "use letters, digits, - and _, starting with a letter or digit, at most 128"}
	}
	return nil
}
