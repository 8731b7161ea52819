package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// ErrBroken says that the chain does not hold; the error that wraps it names the first
// record that breaks it.
var ErrBroken = errors.New("audit chain is broken")

// Stream is where the records are kept: append-only, numbered from 1 without a gap.
type Stream interface {
	// AppendAfter stores data durably as the record after prev, or changes nothing
	// and gives an error where prev is not the last.
	AppendAfter(ctx context.Context, subject string, data []byte, prev uint64) (uint64, error)
	// Read gives at most limit records from a sequence on, oldest first; an empty
	// subject selects all.
	Read(ctx context.Context, subject string, from uint64, limit int) ([]module.Entry, error)
	// Last gives the newest n records, oldest first.
	Last(ctx context.Context, subject string, n int) ([]module.Entry, error)
}

const (
	subject = "record"
	// defaultLimit is how many records List gives where nobody says.
	defaultLimit = 200
	// verifyBatch is how many records Verify holds at once.
	verifyBatch = 256
	// maxReason bounds what a caller can make every later reader carry.
	maxReason = 1 << 10
)

// Config says where the records go.
type Config struct {
	Stream Stream
	// Now gives the time of a record; nil for time.Now.
	Now func() time.Time
}

// Log is the chain of records. It is safe for concurrent use.
type Log struct {
	stream Stream
	now    func() time.Time

	mu    sync.Mutex
	known bool // last is the newest record; false at first and after a failed append
	last  module.AuditRecord
}

// New gives a log over a stream that is the log's alone.
func New(cfg Config) (*Log, error) {
	if cfg.Stream == nil {
		return nil, &module.Error{Kind: module.Invalid, Field: "stream", Msg: "an audit log needs one"}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Log{stream: cfg.Stream, now: cfg.Now}, nil
}

// Record stores a record, its reason cut to 1 KiB, and gives it with Seq, Time (where the caller left it zero),
// Prev and Hash filled in. It returns when the record is on the disk. An error other
// than Kind Invalid leaves open whether the record is there; the chain holds either
// way.
func (l *Log) Record(ctx context.Context, r module.AuditRecord) (module.AuditRecord, error) {
	if r.Actor.Kind == "" || r.Action == "" || r.Outcome == "" {
		return module.AuditRecord{}, &module.Error{Kind: module.Invalid, Field: "audit record",
			Msg: "needs an actor, an action and an outcome"}
	}
	r.Reason = module.Clip(r.Reason, maxReason)
	r.Hash = ""
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.catchUpLocked(ctx); err != nil {
		return module.AuditRecord{}, err
	}
	if r.Time.IsZero() {
		r.Time = l.now()
	}
	r.Time = r.Time.UTC()
	r.Seq, r.Prev = l.last.Seq+1, l.last.Hash
	data, err := seal(&r)
	if err != nil {
		return module.AuditRecord{}, err
	}
	seq, err := l.stream.AppendAfter(ctx, subject, data, l.last.Seq)
	if err == nil && seq != r.Seq {
		err = fmt.Errorf("the store numbered it %d", seq)
	}
	if err != nil {
		l.known = false
		return module.AuditRecord{}, fmt.Errorf("store audit record %d: %w", r.Seq, err)
	}
	l.last, l.known = r, true
	return r, nil
}

// catchUpLocked reads the newest record where it is not known.
func (l *Log) catchUpLocked(ctx context.Context) error {
	if l.known {
		return nil
	}
	entries, err := l.stream.Last(ctx, "", 1)
	if err != nil {
		return fmt.Errorf("read the newest audit record: %w", err)
	}
	l.last = module.AuditRecord{}
	if len(entries) == 1 {
		if l.last, err = open(entries[0]); err != nil {
			// A damaged end must not stop the recording of what happens next. The
			// break stays for Verify to find.
			sum := sha256.Sum256(entries[0].Data)
			l.last = module.AuditRecord{Seq: entries[0].Seq, Hash: hex.EncodeToString(sum[:])}
		}
	}
	l.known = true
	return nil
}

// List gives the newest limit records, oldest first; 0 means 200. With a name it gives
// those of that module and its releases alone, and reads the whole log for them. It
// checks nothing.
func (l *Log) List(ctx context.Context, name string, limit int) ([]module.AuditRecord, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	if name != "" {
		return l.listOf(ctx, name, limit)
	}
	entries, err := l.stream.Last(ctx, "", limit)
	if err != nil {
		return nil, fmt.Errorf("list audit records: %w", err)
	}
	out := make([]module.AuditRecord, 0, len(entries))
	for _, e := range entries {
		out = append(out, shown(e))
	}
	return out, nil
}

// listOf is List of one module.
func (l *Log) listOf(ctx context.Context, name string, limit int) ([]module.AuditRecord, error) {
	var out []module.AuditRecord
	for next := uint64(1); ; {
		batch, err := l.stream.Read(ctx, "", next, verifyBatch)
		if err != nil {
			return nil, fmt.Errorf("list audit records: %w", err)
		}
		if len(batch) == 0 {
			return out, nil
		}
		for _, e := range batch {
			r := shown(e)
			if target, _, _ := strings.Cut(r.Target, "@"); target == name {
				out = append(out, r)
			}
		}
		out = slices.Delete(out, 0, max(0, len(out)-limit))
		next = batch[len(batch)-1].Seq + 1
	}
}

// shown is a record as it stands there, or that it cannot be read.
func shown(e module.Entry) module.AuditRecord {
	var r module.AuditRecord
	if err := json.Unmarshal(e.Data, &r); err != nil {
		return module.AuditRecord{Seq: e.Seq, Time: e.Time, Outcome: "unreadable", Reason: err.Error()}
	}
	return r
}

// Verify walks the whole chain and gives an error that wraps ErrBroken and names the
// first record that breaks it, or nil.
func (l *Log) Verify(ctx context.Context) error {
	prev := module.AuditRecord{}
	for {
		entries, err := l.stream.Read(ctx, "", prev.Seq+1, verifyBatch)
		if err != nil {
			return fmt.Errorf("read audit record %d: %w", prev.Seq+1, err)
		}
		if len(entries) == 0 {
			return nil
		}
		for _, e := range entries {
			r, err := open(e)
			switch {
			case e.Seq != prev.Seq+1:
				err = errors.New("it is missing")
				e.Seq = prev.Seq + 1
			case err != nil:
			case r.Prev != prev.Hash:
				err = fmt.Errorf("it follows %s, record %d is %s", short(r.Prev), prev.Seq, short(prev.Hash))
			}
			if err != nil {
				return &module.Error{Kind: module.Internal, Field: "audit record", Value: fmt.Sprint(e.Seq),
					Msg: err.Error(), Err: ErrBroken, Hint: "records from there on cannot be trusted; compare them with a backup"}
			}
			prev = r
		}
	}
}

// seal fills in the hash and gives the bytes to store. It makes the record first what
// a reader will get back: JSON has no bytes that are not UTF-8, and file names do.
func seal(r *module.AuditRecord) ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode audit record %d: %w", r.Seq, err)
	}
	*r = module.AuditRecord{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("encode audit record %d: %w", r.Seq, err)
	}
	if r.Hash, err = hashOf(*r); err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

// hashOf is the hash of a record's canonical form.
func hashOf(r module.AuditRecord) (string, error) {
	r.Hash = ""
	data, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("encode audit record %d: %w", r.Seq, err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// open reads a stored record and checks it against its place and its own hash.
func open(e module.Entry) (module.AuditRecord, error) {
	var r module.AuditRecord
	if err := json.Unmarshal(e.Data, &r); err != nil {
		return r, fmt.Errorf("it cannot be read: %w", err)
	}
	hash, err := hashOf(r)
	switch {
	case err != nil:
		return r, err
	case hash != r.Hash:
		return r, fmt.Errorf("its hash is %s and its content's %s", short(r.Hash), short(hash))
	case r.Seq != e.Seq:
		return r, fmt.Errorf("it says that it is record %d", r.Seq)
	}
	if data, err := json.Marshal(r); err != nil || !bytes.Equal(data, e.Data) {
		return r, errors.New("it is not in the canonical form")
	}
	return r, nil
}

func short(hash string) string {
	if hash == "" {
		return "none"
	}
	return string(module.Digest(hash).Short())
}
