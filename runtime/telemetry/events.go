package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
)

// Stream is where events are stored: append-only, numbered in rising order.
type Stream interface {
	// Append stores data durably under a subject and gives its sequence.
	Append(ctx context.Context, subject string, data []byte) (uint64, error)
	// Read gives at most limit entries from a sequence on, oldest first; an empty
	// subject selects all.
	Read(ctx context.Context, subject string, from uint64, limit int) ([]module.Entry, error)
	// Last gives the newest n entries, oldest first.
	Last(ctx context.Context, subject string, n int) ([]module.Entry, error)
}

const (
	defaultQueue  = 1024
	defaultBuffer = 256
	defaultLimit  = 200
	// storePause is how long nothing is stored after the stream gave an error, so that
	// a disk that hangs does not hold up the log and the followers.
	storePause = time.Second
	// maxText is how many bytes an event's texts have at most.
	maxText = 1 << 10
	// noModule is the subject of events that concern no module; module names have no _.
	noModule = "no_module"
)

var moduleName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,127}$`)

// EventsConfig says where events go.
type EventsConfig struct {
	// Stream stores them; it is the recorder's alone.
	Stream Stream
	// Logger gets a line for each; nil for none.
	Logger *zap.Logger
	// Observe is called with each event within Emit, so it must not block; nil for
	// nobody.
	Observe func(module.Event)
	// Queue is how many events may wait to be stored, at least 2; 0 means 1024.
	Queue int
	// Buffer is how many events may wait for one follower; 0 means 256.
	Buffer int
}

// Events records what happens. It is safe for concurrent use.
type Events struct {
	stream  Stream
	log     *zap.Logger
	observe func(module.Event)
	buffer  int
	done    chan struct{} // closed when the goroutine is over

	emit    sync.Mutex // orders emitters; guards the six below
	queue   chan module.Event
	dropped uint64      // events that found the queue full and were not told of yet
	idle    budget      // for offers that change nothing
	untold  uint64      // how many of them were over it and were not told of yet
	telling *time.Timer // tells of them; nil where nothing is untold
	closed  bool

	mu        sync.Mutex // guards the two below
	last      uint64     // the newest stored event's sequence
	followers map[*follower]struct{}

	// Of the goroutine alone.
	unstored uint64    // events that the stream refused and that were not told of yet
	cause    error     // why
	retryAt  time.Time // not before this is the stream tried again
}

// OpenEvents starts a recorder; Close ends it.
func OpenEvents(cfg EventsConfig) (*Events, error) {
	if cfg.Stream == nil {
		return nil, &module.Error{Kind: module.Invalid, Field: "stream", Msg: "events need one"}
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if cfg.Observe == nil {
		cfg.Observe = func(module.Event) {}
	}
	if cfg.Queue <= 0 {
		cfg.Queue = defaultQueue
	}
	cfg.Queue = max(cfg.Queue, 2)
	if cfg.Buffer <= 0 {
		cfg.Buffer = defaultBuffer
	}
	e := &Events{
		stream:    cfg.Stream,
		log:       cfg.Logger.Named("events"),
		observe:   cfg.Observe,
		buffer:    cfg.Buffer,
		done:      make(chan struct{}),
		idle:      budget{burst: idleBurst, every: idleEvery},
		queue:     make(chan module.Event, cfg.Queue),
		followers: make(map[*follower]struct{}),
	}
	newest, err := e.stream.Last(context.Background(), "", 1)
	if err != nil {
		return nil, fmt.Errorf("read the newest event: %w", err)
	}
	if len(newest) == 1 {
		e.last = newest[0].Seq
	}
	go e.run()
	return e, nil
}

// Emit takes an event, sets its time where it has none, cuts its texts to 1 KiB each,
// and returns at once. After Close it does nothing.
func (e *Events) Emit(ev module.Event) {
	for _, text := range []*string{&ev.Reason, &ev.Message, &ev.File, &ev.Actor} {
		*text = module.Clip(*text, maxText)
	}
	if ev.Time.IsZero() {
		ev.Time = time.Now()
	}
	ev.Time, ev.Seq = ev.Time.UTC(), 0
	e.emit.Lock()
	defer e.emit.Unlock()
	if e.closed {
		return
	}
	e.observe(ev)
	if isIdle(ev.Type) && !e.mayTellLocked() {
		return
	}
	e.putLocked(ev)
}

// putLocked queues an event, after a word on those that found the queue full.
func (e *Events) putLocked(ev module.Event) {
	if e.dropped > 0 {
		lost := lostEvent(ev.Time, e.dropped, "the queue was full")
		if len(e.queue)+2 > cap(e.queue) || !offer(e.queue, lost) {
			e.dropped++
			return
		}
		e.dropped = 0
	}
	if !offer(e.queue, ev) {
		e.dropped++
	}
}

func offer(queue chan<- module.Event, ev module.Event) bool {
	select {
	case queue <- ev:
		return true
	default:
		return false
	}
}

func lostEvent(at time.Time, n uint64, reason string) module.Event {
	return module.Event{Time: at, Type: module.EventsLost, Reason: reason,
		Message: fmt.Sprintf("%d events before this one are missing from the history: %s", n, reason)}
}

// Close stores what was emitted, ends the followers and joins the goroutine. A second
// call waits as well.
func (e *Events) Close() error {
	e.emit.Lock()
	if !e.closed {
		e.closed = true
		if e.telling != nil {
			e.telling.Stop()
		}
		close(e.queue)
	}
	e.emit.Unlock()
	<-e.done
	return nil
}

// LastSeq is the newest stored event's sequence; 0 where there is none.
func (e *Events) LastSeq() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}

// run stores and hands on, in order, until the queue is closed and empty.
func (e *Events) run() {
	defer close(e.done)
	for ev := range e.queue {
		e.record(ev)
	}
	e.emit.Lock()
	dropped, untold := e.dropped, e.untold
	e.emit.Unlock()
	if untold > 0 {
		e.record(untoldEvent(untold))
	}
	if dropped > 0 {
		e.record(lostEvent(time.Now().UTC(), dropped, "the queue was full"))
	}
	e.endFollowers()
}

// record stores one event, after a word on those that could not be, and hands it on.
func (e *Events) record(ev module.Event) {
	if e.unstored > 0 && !time.Now().Before(e.retryAt) {
		lost := lostEvent(ev.Time, e.unstored, e.cause.Error())
		if e.store(&lost) {
			e.log.Info("events are stored again", zap.Uint64("missing", e.unstored))
			e.unstored, e.cause = 0, nil
			e.hand(lost)
		}
	}
	if e.unstored > 0 || !e.store(&ev) {
		e.unstored++
	}
	e.write(ev)
	e.hand(ev)
}

// store puts an event into the stream and fills in its sequence.
func (e *Events) store(ev *module.Event) bool {
	data, err := json.Marshal(ev)
	if err == nil {
		ev.Seq, err = e.stream.Append(context.Background(), subjectOf(ev.Module), data)
	}
	if err == nil {
		return true
	}
	if e.cause == nil {
		e.log.Error("events cannot be stored", zap.Error(err))
	}
	e.cause, e.retryAt = err, time.Now().Add(storePause)
	return false
}

func subjectOf(name string) string {
	if moduleName.MatchString(name) {
		return name
	}
	return noModule
}

// write logs an event in one line.
func (e *Events) write(ev module.Event) {
	fields := []zap.Field{zap.String("event", string(ev.Type))}
	for _, f := range []struct{ key, value string }{
		{"module", ev.Module}, {"release", releaseOf(ev)}, {"instance", ev.Instance}, {"rollout", ev.Rollout},
		{"file", ev.File}, {"actor", ev.Actor}, {"reason", ev.Reason},
	} {
		if f.value != "" {
			fields = append(fields, zap.String(f.key, f.value))
		}
	}
	if ev.Weight != nil {
		fields = append(fields, zap.Int("weight", *ev.Weight))
	}
	log := e.log.Info
	switch ev.Type {
	case module.OfferRefused, module.RolloutRolledBack, module.RolloutFailed, module.ReleaseQuarantine,
		module.InstanceCrashed, module.InstanceUnwell, module.ModuleFailing, module.EventsLost:
		log = e.log.Warn
	}
	log(ev.Message, fields...)
}

func releaseOf(ev module.Event) string {
	if ev.Module == "" || ev.Version == "" {
		return ""
	}
	return ev.Module + "@" + ev.Version
}

// History gives the newest stored events that the filter selects, oldest first.
func (e *Events) History(ctx context.Context, f module.EventFilter) ([]module.Event, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	var subject string
	if f.Module != "" {
		subject = subjectOf(f.Module)
	}
	entries, err := e.stream.Last(ctx, subject, limit)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return decode(entries, f)
}

// decode makes events of entries and leaves out what the filter does not select.
func decode(entries []module.Entry, f module.EventFilter) ([]module.Event, error) {
	out := make([]module.Event, 0, len(entries))
	for _, entry := range entries {
		var ev module.Event
		if err := json.Unmarshal(entry.Data, &ev); err != nil {
			return nil, fmt.Errorf("read event %d: %w", entry.Seq, err)
		}
		ev.Seq = entry.Seq
		if selects(f, ev) && ev.Seq > f.After {
			out = append(out, ev)
		}
	}
	return out, nil
}

func selects(f module.EventFilter, ev module.Event) bool {
	return f.Module == "" || ev.Module == f.Module || ev.Type == module.EventsLost
}
