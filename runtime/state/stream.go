package state

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
)

// StreamConfig says how much of a stream is kept. Without any limit everything is, and
// the stream refuses to open when records are missing. With one the oldest go first,
// and damage is a warning.
type StreamConfig struct {
	MaxMsgs  int64         // 0 for no limit
	MaxBytes int64         // 0 for no limit
	MaxAge   time.Duration // 0 for no limit
}

func (c StreamConfig) limited() bool { return c != StreamConfig{} }

// Stream is an append-only sequence of records. It is safe for concurrent use; appends
// to one stream are one after the other.
type Stream struct {
	s    *Store
	name string
	cfg  StreamConfig

	write sync.Mutex // held over an append, so over the disk's answer
	mark  *mark      // guarded by write, and by Store.mu held exclusively

	last atomic.Uint64 // the last sequence acknowledged
}

const (
	// readBatch is how many records are asked for at once.
	readBatch = 256
	// maxRead is how many bytes of records one call gives where it has a limit at all;
	// it gives one record whatever its size.
	maxRead = 8 << 20
)

// Stream opens a stream and makes it where it does not exist. Opening one twice gives
// the same. Errors: Invalid for a bad name; ErrDamaged where records are gone.
func (s *Store) Stream(ctx context.Context, name string, cfg StreamConfig) (*Stream, error) {
	if err := checkName("stream", name); err != nil {
		return nil, err
	}
	if strings.HasPrefix(name, "KV_") {
		return nil, &module.Error{Kind: module.Invalid, Field: "stream", Value: name, Hint: "KV_ begins the names of buckets"}
	}
	return add(ctx, s, name, &Stream{s: s, name: name, cfg: cfg})
}

// Append stores a record durably and gives its sequence. The subject is a name.
func (t *Stream) Append(ctx context.Context, subject string, data []byte) (seq uint64, err error) {
	return t.append(ctx, subject, data)
}

// AppendAfter is Append if prev is the last sequence of the stream (0 for an empty
// one), ErrConflict otherwise.
func (t *Stream) AppendAfter(ctx context.Context, subject string, data []byte, prev uint64) (seq uint64, err error) {
	return t.append(ctx, subject, data, jetstream.WithExpectLastSequence(prev))
}

func (t *Stream) append(ctx context.Context, subject string, data []byte, opts ...jetstream.PublishOpt) (seq uint64, err error) {
	if err := checkName("subject", subject); err != nil {
		return 0, err
	}
	if err := checkSize("subject", subject, data); err != nil {
		return 0, err
	}
	opts = append(opts, jetstream.WithRetryAttempts(0))
	t.write.Lock()
	defer t.write.Unlock()
	before := t.LastSeq()
	err = t.s.write(ctx, func(ctx context.Context, e *engine, again bool) error {
		if last := t.LastSeq(); again && last > before { // nobody else writes meanwhile, so this is ours
			seq = last
			return nil
		}
		ack, err := e.js.PublishMsg(ctx, &nats.Msg{Subject: t.subject(subject), Data: data}, opts...)
		if err != nil {
			return err
		}
		seq = ack.Sequence
		t.mark.set(seq, t.mark.count+1, 0)
		t.last.Store(seq)
		return nil
	})
	return seq, err
}

func (t *Stream) subject(s string) string { return t.name + "." + s }

// LastSeq is the sequence of the newest record, 0 where there never was one.
func (t *Stream) LastSeq() uint64 { return t.last.Load() }

// Read gives at most limit records with sequences of at least from, oldest first; of
// one subject only where subject is not empty. It gives fewer where they are more than
// 8 MiB together, but one at least. A limit of 0 means all there are.
func (t *Stream) Read(ctx context.Context, subject string, from uint64, limit int) ([]module.Entry, error) {
	var out []module.Entry
	size := 0
	for next := max(from, 1); ; {
		batch, after, err := t.batch(ctx, next, readBatch)
		if err != nil {
			return nil, err
		}
		for _, r := range batch {
			if subject != "" && r.Subject != subject {
				continue
			}
			size += len(r.Data)
			if limit > 0 && size > maxRead && len(out) > 0 {
				return out, nil
			}
			if out = append(out, r); limit > 0 && len(out) == limit {
				return out, nil
			}
		}
		if next = after; next > t.LastSeq() {
			return out, nil
		}
	}
}

// Last gives the newest n records, oldest first; of one subject only where subject is
// not empty. It gives fewer where they are more than 8 MiB together, but one at least.
func (t *Stream) Last(ctx context.Context, subject string, n int) ([]module.Entry, error) {
	var out []module.Entry // newest first
	size, window := 0, uint64(readBatch)
	for end := t.LastSeq(); end > 0; {
		start := uint64(1)
		if end > window {
			start = end - window + 1
		}
		batch, after, err := t.batch(ctx, start, int(window))
		if err != nil {
			return nil, err
		}
		if after <= end { // large records: their end is reached with fewer at once
			window = after - start
			continue
		}
		for _, r := range slices.Backward(batch) {
			if r.Seq > end || subject != "" && r.Subject != subject {
				continue
			}
			size += len(r.Data)
			if len(out) == n || len(out) > 0 && size > maxRead {
				end = 0
				break
			}
			out = append(out, r)
		}
		if end == 0 || len(out) >= n || len(batch) == 0 && window > 1 || len(batch) > 0 && batch[0].Seq > start {
			break // enough, or the stream begins here
		}
		end, window = start-1, min(2*window, readBatch)
	}
	slices.Reverse(out)
	return out, nil
}

// batch reads at most n records from a sequence on, fewer where they are large, and
// gives the sequence after them. Between the first and the last record of a stream
// nothing is missing, so a hole is damage: an error, or a warning where the stream has
// limits.
func (t *Stream) batch(ctx context.Context, from uint64, n int) (out []module.Entry, after uint64, err error) {
	err = t.s.read(ctx, func(e *engine) error {
		if from > t.LastSeq() {
			after = from
			return nil
		}
		records, err := e.direct(ctx, t.name, directQuery{Seq: from, Batch: n, Next: t.subject(">")})
		if err != nil && !errors.Is(err, errNoRecord) {
			return t.s.translate(err)
		}
		next := from
		for _, r := range records {
			if r.Seq != next {
				if err := t.hole(ctx, e, next, r.Seq-1); err != nil {
					return err
				}
			}
			r.Subject = strings.TrimPrefix(r.Subject, t.subject(""))
			out = append(out, r.Entry)
			next = r.Seq + 1
		}
		if len(records) == 0 { // the server stops before a record that it cannot read
			after = next + 1
			return t.hole(ctx, e, next, next)
		}
		after = next
		return nil
	})
	return out, after, err
}

// hole judges missing records: those before the stream's first were given up by its
// limits, others are damage.
func (t *Stream) hole(ctx context.Context, e *engine, from, to uint64) error {
	stream, err := e.js.Stream(ctx, t.name)
	if err != nil {
		return t.s.translate(err)
	}
	if to < stream.CachedInfo().State.FirstSeq {
		return nil
	}
	if t.cfg.limited() {
		t.s.log.Warn("records of a stream cannot be read", zap.String("stream", t.name),
			zap.Uint64("from", from), zap.Uint64("to", to))
		return nil
	}
	return t.s.damaged(t.name, e, "the records %d to %d of %s cannot be read", from, to, t.name)
}

// load makes the stream where it was never made, or checks that what the server
// recovered is what was acknowledged.
func (t *Stream) load(ctx context.Context, e *engine) (err error) {
	if t.mark == nil {
		if t.mark, err = openMark(t.s.marksDir(), t.name, t.s.log); err != nil {
			return err
		}
	}
	found, ok := e.found[t.name]
	last := found.State.LastSeq
	if err := t.missing(e, ok, found.State); err != nil {
		if !t.cfg.limited() {
			return err
		}
		t.s.log.Warn("records of a stream are lost", zap.String("stream", t.name), zap.Error(err))
	}
	want := t.config()
	if !ok && t.mark.last > 0 {
		last = t.mark.last
		want.FirstSeq = last + 1 // those who follow by sequence are not led astray
	}
	if !ok || found.Config.MaxMsgs != want.MaxMsgs || found.Config.MaxBytes != want.MaxBytes || found.Config.MaxAge != want.MaxAge {
		if t.s.full() {
			return fullError(t.s.dir)
		}
		if _, err := e.js.CreateOrUpdateStream(ctx, want); err != nil {
			return t.s.translate(err)
		}
	}
	t.mark.set(last, found.State.Msgs, 0)
	t.last.Store(last)
	return nil
}

// missing says what was acknowledged and is not there. A stream without limits has no
// gap, whatever the mark knows: its readers number on from its last record.
func (t *Stream) missing(e *engine, ok bool, st server.StreamState) error {
	var err *module.Error
	switch {
	case !ok && t.mark.last > 0:
		err = t.s.damaged(t.name, e, "the stream %s is gone", t.name)
	case st.LastSeq < t.mark.last, !t.cfg.limited() && (st.Msgs < t.mark.count || st.Msgs != st.LastSeq):
		err = t.s.damaged(t.name, e, "the stream %s has %d records up to %d and should have %d up to %d",
			t.name, st.Msgs, st.LastSeq, t.mark.count, max(t.mark.last, st.LastSeq))
	default:
		return nil
	}
	err.Hint += ", or remove " + t.s.streamDir(t.name) + " and " + t.mark.path + " to begin this stream anew"
	return err
}

func (t *Stream) config() jetstream.StreamConfig {
	limit := func(n int64) int64 {
		if n == 0 {
			return -1
		}
		return n
	}
	return jetstream.StreamConfig{
		Name:        t.name,
		Subjects:    []string{t.subject(">")},
		MaxMsgs:     limit(t.cfg.MaxMsgs),
		MaxBytes:    limit(t.cfg.MaxBytes),
		MaxAge:      t.cfg.MaxAge,
		Storage:     jetstream.FileStorage,
		AllowDirect: true,
		DenyDelete:  true,
		DenyPurge:   !t.cfg.limited(),
	}
}

func (t *Stream) close() error {
	if t.mark == nil {
		return nil
	}
	return t.mark.close()
}
