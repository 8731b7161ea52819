package telemetry

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// followBatch is how many events of the history a follower holds at once.
const followBatch = 256

// follower is one that reads events as they come.
type follower struct {
	events chan module.Event // closed when the recorder ends
	// Guarded by Events.mu: whether the buffer was full since it was last empty, and
	// how many events that are in no history did not fit.
	lagged bool
	missed uint64
}

// hand gives an event to those who follow. It waits for nobody.
func (e *Events) hand(ev module.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ev.Seq > e.last {
		e.last = ev.Seq
	}
	for f := range e.followers {
		if !f.lagged && offer(f.events, ev) {
			continue
		}
		f.lagged = true
		if ev.Seq == 0 {
			f.missed++
		}
	}
}

func (e *Events) endFollowers() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for f := range e.followers {
		close(f.events)
	}
	e.followers = nil
}

// join makes a follower; ok is false once the recorder has ended.
func (e *Events) join() (f *follower, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.followers == nil {
		return nil, false
	}
	f = &follower{events: make(chan module.Event, e.buffer)}
	e.followers[f] = struct{}{}
	return f, true
}

func (e *Events) leave(f *follower) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.followers, f)
}

// behind reports whether the follower missed events since it last asked, and how many
// of them are in no history.
func (e *Events) behind(f *follower) (lagged bool, missed uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	lagged, missed = f.lagged, f.missed
	f.lagged, f.missed = false, 0
	return lagged, missed
}

// Follow gives the events that the filter selects, first those stored and then those
// that come, each once and in order, until ctx ends, the recorder closes or the
// consumer stops. Where filter.After is set all stored events after it come first;
// otherwise the newest filter.Limit, and none where that is negative. An event that
// could not be stored has Seq 0. An error comes last; ctx's end is none. A consumer may
// be as slow as it likes.
func (e *Events) Follow(ctx context.Context, filter module.EventFilter) iter.Seq2[module.Event, error] {
	return func(yield func(module.Event, error) bool) {
		f, ok := e.join()
		if !ok {
			return
		}
		defer e.leave(f)
		r := &reader{e: e, ctx: ctx, filter: filter, yield: yield, seen: filter.After}
		if !r.begin() {
			return
		}
		for {
			select {
			case <-ctx.Done():
				return
			case ev, open := <-f.events:
				if !open {
					r.resume(f)
					return
				}
				if !r.give(ev) {
					return
				}
			}
			if len(f.events) == 0 && !r.resume(f) {
				return
			}
		}
	}
}

// reader is the place of one Follow. Its methods report whether to go on.
type reader struct {
	e      *Events
	ctx    context.Context
	filter module.EventFilter
	yield  func(module.Event, error) bool
	seen   uint64 // the last sequence looked at
}

// begin gives the history.
func (r *reader) begin() bool {
	if r.filter.After > 0 {
		return r.catchUp()
	}
	r.seen = r.e.LastSeq()
	if r.filter.Limit < 0 {
		return true
	}
	events, err := r.e.History(r.ctx, r.filter)
	if err != nil {
		return r.fail(err)
	}
	for _, ev := range events {
		if !r.yield(ev, nil) {
			return false
		}
		r.seen = max(r.seen, ev.Seq)
	}
	return true
}

// catchUp gives the stored events after the last one looked at.
func (r *reader) catchUp() bool {
	for {
		entries, err := r.e.stream.Read(r.ctx, "", r.seen+1, followBatch)
		if err != nil {
			return r.fail(fmt.Errorf("read events: %w", err))
		}
		if len(entries) == 0 {
			return true
		}
		events, err := decode(entries, module.EventFilter{})
		if err != nil {
			return r.fail(err)
		}
		for _, ev := range events {
			if !r.give(ev) {
				return false
			}
		}
	}
}

// resume gives what the follower's buffer had no room for.
func (r *reader) resume(f *follower) bool {
	lagged, missed := r.e.behind(f)
	if !lagged {
		return true
	}
	if !r.catchUp() {
		return false
	}
	return missed == 0 || r.yield(lostEvent(time.Now().UTC(), missed, "they could not be stored and came too fast"), nil)
}

// give hands an event to the consumer unless it was looked at before.
func (r *reader) give(ev module.Event) bool {
	if ev.Seq != 0 {
		if ev.Seq <= r.seen {
			return true
		}
		r.seen = ev.Seq
	}
	return !selects(r.filter, ev) || r.yield(ev, nil)
}

func (r *reader) fail(err error) bool {
	if r.ctx.Err() == nil {
		r.yield(module.Event{}, err)
	}
	return false
}
