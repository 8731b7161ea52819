package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/segue-run/segue/runtime/module"
)

// BucketConfig says how a bucket is kept.
type BucketConfig struct {
	// History is how many values of a key are kept, 1 to 64; 0 means 1.
	History int
}

// Bucket is a set of keys with values and revisions. A revision rises with each write
// to the bucket. It is safe for concurrent use; writes to one bucket are one after the
// other. It is laid out as NATS lays out its key-value buckets.
type Bucket struct {
	s    *Store
	name string
	cfg  BucketConfig

	write sync.Mutex // held over a write, so over the disk's answer
	mark  *mark      // guarded by write, and by Store.mu held exclusively

	mu   sync.RWMutex
	keys map[string]keyState // of every key ever written
}

// keyState is what was acknowledged of a key.
type keyState struct {
	rev     uint64
	kept    int  // how many values of it the stream has
	deleted bool // the newest is the mark of a deletion
}

// Value is one key's newest value.
type Value struct {
	Key  string
	Data []byte // belongs to the receiver
	Rev  uint64
}

const (
	opHeader = "KV-Operation"
	opDelete = "DEL"
	// loadChunk is how many keys are read at once; the server takes at most 1024.
	loadChunk = 512
)

// Bucket opens a bucket and makes it where it does not exist. Opening one twice gives
// the same. Errors: Invalid for a bad name; ErrDamaged where records are gone.
func (s *Store) Bucket(ctx context.Context, name string, cfg BucketConfig) (*Bucket, error) {
	if err := checkName("bucket", name); err != nil {
		return nil, err
	}
	cfg.History = max(cfg.History, 1)
	if cfg.History > jetstream.KeyValueMaxHistory {
		return nil, &module.Error{Kind: module.Invalid, Field: "history", Value: fmt.Sprint(cfg.History),
			Hint: fmt.Sprintf("at most %d", jetstream.KeyValueMaxHistory)}
	}
	b := &Bucket{s: s, name: name, cfg: cfg}
	return add(ctx, s, b.stream(), b)
}

func (b *Bucket) stream() string            { return "KV_" + b.name }
func (b *Bucket) subject(key string) string { return "$KV." + b.name + "." + key }

// Get gives a key's value and revision, or ErrNotFound.
func (b *Bucket) Get(ctx context.Context, key string) (value []byte, rev uint64, err error) {
	if err := checkName("key", key); err != nil {
		return nil, 0, err
	}
	err = b.s.read(ctx, func(e *engine) error {
		known := b.known(key)
		if known.rev == 0 || known.deleted {
			return ErrNotFound
		}
		r, err := e.last(ctx, b.stream(), b.subject(key))
		if errors.Is(err, errNoRecord) || err == nil && r.Seq < known.rev {
			return b.s.damaged(b.stream(), e, "the value of %q was written and cannot be read", key)
		}
		if err != nil {
			return b.s.translate(err)
		}
		if r.header.Get(opHeader) != "" {
			return ErrNotFound
		}
		value, rev = r.Data, r.Seq
		return nil
	})
	return value, rev, err
}

// Create writes a key that has no value, or gives ErrConflict.
func (b *Bucket) Create(ctx context.Context, key string, value []byte) (rev uint64, err error) {
	return b.put(ctx, key, value, func(k keyState) (uint64, error) {
		if k.rev != 0 && !k.deleted {
			return 0, ErrConflict
		}
		return k.rev, nil
	}, "")
}

// Update writes a key whose newest revision is rev, or gives ErrConflict.
func (b *Bucket) Update(ctx context.Context, key string, value []byte, rev uint64) (uint64, error) {
	return b.put(ctx, key, value, func(k keyState) (uint64, error) {
		if rev == 0 || k.rev != rev || k.deleted {
			return 0, ErrConflict
		}
		return rev, nil
	}, "")
}

// Put writes a key whatever was there.
func (b *Bucket) Put(ctx context.Context, key string, value []byte) (rev uint64, err error) {
	return b.put(ctx, key, value, func(k keyState) (uint64, error) { return k.rev, nil }, "")
}

// Delete takes a key's value away, if it has one.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	_, err := b.put(ctx, key, nil, func(k keyState) (uint64, error) {
		if k.rev == 0 || k.deleted {
			return 0, ErrNotFound
		}
		return k.rev, nil
	}, opDelete)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// put writes one record if the server agrees that the key's revision is the expected.
func (b *Bucket) put(ctx context.Context, key string, value []byte, expect func(keyState) (uint64, error), op string) (rev uint64, err error) {
	if err := checkName("key", key); err != nil {
		return 0, err
	}
	if err := checkSize("key", key, value); err != nil {
		return 0, err
	}
	msg := nats.NewMsg(b.subject(key))
	msg.Data = value
	if op != "" {
		msg.Header.Set(opHeader, op)
	}
	b.write.Lock()
	defer b.write.Unlock()
	var want uint64
	err = b.s.write(ctx, func(ctx context.Context, e *engine, again bool) (err error) {
		known := b.known(key)
		if again && known.rev != want { // nobody else writes meanwhile, so this is ours
			rev = known.rev
			return nil
		}
		if want, err = expect(known); err != nil {
			return err
		}
		ack, err := e.js.PublishMsg(ctx, msg,
			jetstream.WithExpectLastSequencePerSubject(want), jetstream.WithRetryAttempts(0))
		if err != nil {
			return err
		}
		rev = ack.Sequence
		b.note(key, rev, op == opDelete)
		return nil
	})
	return rev, err
}

// note records an acknowledged write in the index and in the mark.
func (b *Bucket) note(key string, rev uint64, deleted bool) {
	b.mu.Lock()
	k := b.keys[key]
	count := b.mark.count
	if k.kept < b.cfg.History {
		k.kept++
		count++
	}
	sum := b.mark.sum ^ sumOf(key, k.rev) ^ sumOf(key, rev)
	k.rev, k.deleted = rev, deleted
	b.keys[key] = k
	b.mu.Unlock()
	b.mark.set(rev, count, sum)
}

func (b *Bucket) known(key string) keyState {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.keys[key]
}

// Keys are the keys that have a value, sorted.
func (b *Bucket) Keys(ctx context.Context) ([]string, error) {
	var keys []string
	err := b.s.read(ctx, func(*engine) error {
		b.mu.RLock()
		defer b.mu.RUnlock()
		for key, k := range b.keys {
			if !k.deleted {
				keys = append(keys, key)
			}
		}
		return nil
	})
	slices.Sort(keys)
	return keys, err
}

// All are the keys that have a value with their values, sorted by key. Values written
// while it runs may be in it or not.
func (b *Bucket) All(ctx context.Context) ([]Value, error) {
	keys, err := b.Keys(ctx)
	if err != nil {
		return nil, err
	}
	var out []Value
	err = b.s.read(ctx, func(e *engine) error {
		out = out[:0]
		for r, err := range b.newest(ctx, e, keys) {
			if err != nil {
				return err
			}
			if r.header.Get(opHeader) == "" {
				out = append(out, Value{Key: b.key(r.Subject), Data: r.Data, Rev: r.Seq})
			}
		}
		return nil
	})
	slices.SortFunc(out, func(a, z Value) int { return cmp.Compare(a.Key, z.Key) })
	return out, err
}

func (b *Bucket) key(subject string) string { return strings.TrimPrefix(subject, b.subject("")) }

// newest reads the newest record of each of the keys, all of which have one.
func (b *Bucket) newest(ctx context.Context, e *engine, keys []string) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		for chunk := range slices.Chunk(keys, loadChunk) {
			left := make(map[string]bool, len(chunk)) // subjects
			for _, key := range chunk {
				left[b.subject(key)] = true
			}
			for len(left) > 0 { // large values come in several answers
				records, err := e.direct(ctx, b.stream(), directQuery{Last: slices.Sorted(maps.Keys(left))})
				switch {
				case errors.Is(err, errNoRecord), err == nil && len(records) == 0:
					err = b.s.damaged(b.stream(), e, "%d of %d values cannot be read", len(left)-len(records), len(chunk))
				case err != nil:
					err = b.s.translate(err)
				}
				if err != nil {
					yield(record{}, err)
					return
				}
				for _, r := range records {
					delete(left, r.Subject)
					if !yield(r, nil) {
						return
					}
				}
			}
		}
	}
}

// load makes the bucket where it was never made, or checks that what the server
// recovered is what was acknowledged, and reads the index.
func (b *Bucket) load(ctx context.Context, e *engine) (err error) {
	if b.mark == nil {
		if b.mark, err = openMark(b.s.marksDir(), b.stream(), b.s.log); err != nil {
			return err
		}
	}
	found, ok := e.found[b.stream()]
	if !ok {
		if b.mark.last > 0 {
			return b.s.lost(b.stream(), b.mark, e, "the bucket %s is gone", b.name)
		}
		return b.make(ctx, e)
	}
	if found.Config.MaxMsgsPer != int64(b.cfg.History) {
		if err := b.make(ctx, e); err != nil {
			return err
		}
	}
	keys, err := b.index(ctx, e)
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.keys = keys
	b.mu.Unlock()
	return nil
}

// make creates or changes the bucket's stream.
func (b *Bucket) make(ctx context.Context, e *engine) error {
	if b.s.full() {
		return fullError(b.s.dir)
	}
	_, err := e.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:              b.stream(),
		Subjects:          []string{b.subject(">")},
		MaxMsgsPerSubject: int64(b.cfg.History),
		Storage:           jetstream.FileStorage,
		Discard:           jetstream.DiscardNew,
		AllowRollup:       true,
		DenyDelete:        true,
		AllowDirect:       true,
	})
	b.mu.Lock()
	b.keys = map[string]keyState{}
	b.mu.Unlock()
	return b.s.translate(err)
}

// index reads what the bucket has and holds it against the mark.
func (b *Bucket) index(ctx context.Context, e *engine) (map[string]keyState, error) {
	stream, err := e.js.Stream(ctx, b.stream())
	if err != nil {
		return nil, b.s.translate(err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		return nil, b.s.translate(err)
	}
	st := info.State
	keys := make(map[string]keyState, len(st.Subjects))
	var count, sum uint64
	for subject, n := range st.Subjects {
		keys[b.key(subject)] = keyState{kept: int(n)}
		count += n
	}
	newest := record{}
	for r, err := range b.newest(ctx, e, slices.Sorted(maps.Keys(keys))) {
		if err != nil {
			return nil, err
		}
		key := b.key(r.Subject)
		keys[key] = keyState{rev: r.Seq, kept: keys[key].kept, deleted: r.header.Get(opHeader) != ""}
		sum ^= sumOf(key, r.Seq)
		if r.Seq > newest.Seq {
			newest = r
		}
	}
	if newest.Seq < b.mark.last || count < b.mark.count || count != st.Msgs {
		return nil, b.s.lost(b.stream(), b.mark, e,
			"the bucket %s has %d records up to revision %d and should have %d up to %d",
			b.name, st.Msgs, newest.Seq, b.mark.count, b.mark.last)
	}
	if !b.agrees(sum, newest) {
		return nil, b.s.lost(b.stream(), b.mark, e, "values of the bucket %s are older than what was written", b.name)
	}
	b.mark.set(newest.Seq, count, sum)
	return keys, nil
}

// agrees reports whether the newest revisions are those that were acknowledged: a
// server that lost a newer record shows an older one of the key in its place. The mark
// lags by one record at most when the process was killed; that one says which revision
// it replaced. It can lag by more only when the machine went down, and then tells less.
func (b *Bucket) agrees(sum uint64, newest record) bool {
	switch newest.Seq {
	case 0:
		return true
	case b.mark.last:
		return sum == b.mark.sum
	case b.mark.last + 1:
		prev, err := strconv.ParseUint(newest.header.Get(jetstream.ExpectedLastSubjSeqHeader), 10, 64)
		key := b.key(newest.Subject)
		return b.mark.last == 0 || err == nil && sum^sumOf(key, newest.Seq)^sumOf(key, prev) == b.mark.sum
	}
	return true
}

func (b *Bucket) close() error {
	if b.mark == nil {
		return nil
	}
	return b.mark.close()
}
