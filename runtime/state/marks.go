package state

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
)

// mark is what was acknowledged of one stream, kept outside of the server's files: a
// lower bound of what must be there. Its owner serialises access.
type mark struct {
	f     *os.File
	path  string
	log   *zap.Logger
	last  uint64 // the last sequence acknowledged; 0 for none
	count uint64 // how many records there are at least
	sum   uint64 // of a bucket: the newest revision of every key, see sumOf
}

// markForm has a fixed width, so that one write within one block replaces it.
const markForm = "last %020d count %020d sum %016x\n"

// openMark reads a stream's mark, or makes one that expects nothing.
func openMark(dir, stream string, log *zap.Logger) (*mark, error) {
	m := &mark{path: filepath.Join(dir, stream), log: log}
	buf, err := os.ReadFile(m.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := createMark(dir, m.path); err != nil {
			return nil, pathError(m.path, err)
		}
	case err != nil:
		return nil, pathError(m.path, err)
	default:
		if _, err := fmt.Sscanf(string(buf), markForm, &m.last, &m.count, &m.sum); err != nil {
			m.last, m.count, m.sum = 0, 0, 0
			log.Warn("state mark is unreadable and is written anew", zap.String("file", m.path), zap.Error(err))
		}
	}
	if m.f, err = os.OpenFile(m.path, os.O_WRONLY, 0); err != nil {
		return nil, pathError(m.path, err)
	}
	return m, nil
}

// createMark makes the file with its final size, durably, so that later writes neither
// need room nor can be seen in halves.
func createMark(dir, path string) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, markForm, 0, 0, 0)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// set notes what was acknowledged. It does not sync: a mark that lags expects less.
func (m *mark) set(last, count, sum uint64) {
	if last == m.last && count == m.count && sum == m.sum {
		return
	}
	m.last, m.count, m.sum = last, count, sum
	if _, err := m.f.WriteAt(fmt.Appendf(nil, markForm, last, count, sum), 0); err != nil {
		m.log.Warn("state mark is not written", zap.String("file", m.path), zap.Error(err))
	}
}

// sumOf is one key's part in a bucket's sum; the parts are put together, and taken out
// again, by exclusive or. A key that was never written has none.
func sumOf(key string, rev uint64) uint64 {
	if rev == 0 {
		return 0
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", key, rev)
	return h.Sum64()
}

func (m *mark) close() error { return errors.Join(m.f.Sync(), m.f.Close()) }

// lost is the refusal to use a bucket in which acknowledged records are missing.
func (s *Store) lost(stream string, m *mark, e *engine, format string, args ...any) error {
	err := s.damaged(stream, e, format, args...)
	err.Hint += ", or remove " + m.path + " to go on with what is left"
	return err
}

// damaged is the refusal to use a stream in which a record cannot be read.
func (s *Store) damaged(stream string, e *engine, format string, args ...any) *module.Error {
	msg := fmt.Sprintf(format, args...)
	if c := e.complaint(stream); c != "" {
		msg += " (" + c + ")"
	}
	return &module.Error{Kind: module.Internal, Field: "state", Value: s.streamDir(stream), Msg: msg, Err: ErrDamaged,
		Hint: fmt.Sprintf("stop segue, then restore %s from a backup, or move it aside to start with an empty state", s.dir)}
}
