package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

// contestPause is how often a lease that waits for the consumer is looked at: a writer
// who comes is let in.
const contestPause = 100 * time.Millisecond

// Watcher watches one directory. Open makes it.
type Watcher struct {
	cfg     Config
	dir     string // absolute
	log     *zap.Logger
	notices chan Notice
	retries chan *Offer   // from Offer.Retry
	ended   chan struct{} // Run has returned

	// All below belongs to Run.
	fs      *fsnotify.Watcher
	id      os.FileInfo // the directory that is watched; nil while it is lost
	plight  string      // why it could not be read or had again, as logged last
	entries map[string]*entry
	ready   []*entry // to be looked at now, in order
	later   agenda
	head    Notice    // waits for the consumer; while it does, nothing is looked at
	of      *entry    // whom head concerns; nil for Scanned
	letInAt time.Time // when to see whether a writer waits for head
	rescan  time.Time
	scanned bool // Scanned was told
	// starting are the entries that Scanned still waits for.
	starting map[*entry]struct{}
}

// Notices is where everything is told, unbuffered and in order. It is closed when Run
// returns. Whoever receives an *Offer must Close it.
func (w *Watcher) Notices() <-chan Notice { return w.notices }

// Run watches until ctx is done, and then returns nil. It returns an error only where
// watching cannot begin. It may be called once.
func (w *Watcher) Run(ctx context.Context) error {
	defer close(w.notices)
	defer close(w.ended)
	if err := w.begin(); err != nil {
		return err
	}
	defer w.fs.Close()
	defer w.withdraw()
	timer := time.NewTimer(0)
	defer timer.Stop()
	at := make(chan struct{})
	close(at)
	for {
		now := time.Now()
		w.wake(now)
		if w.head == nil {
			w.lookNext(now)
		}
		var out chan<- Notice
		var more <-chan struct{}
		switch {
		case w.head != nil:
			out = w.notices
		case len(w.ready) > 0 && w.id != nil:
			more = at
		}
		timer.Reset(time.Until(w.nextWake()))
		select {
		case <-ctx.Done():
			return nil
		case ev := <-w.fs.Events:
			w.event(ev)
		case err := <-w.fs.Errors:
			w.trouble(err)
		case out <- w.head:
			w.delivered()
		case o := <-w.retries:
			w.retry(o)
		case <-timer.C:
		case <-more:
		}
	}
}

// nextWake is when something is to be done that no event tells of.
func (w *Watcher) nextWake() time.Time {
	switch {
	case w.head != nil:
		return earlier(w.rescan, w.letInAt)
	case len(w.later) > 0:
		return earlier(w.rescan, w.later[0].due)
	}
	return w.rescan
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// wake does what is due: the entries whose time has come are looked at next.
func (w *Watcher) wake(now time.Time) {
	if w.head != nil && !now.Before(w.letInAt) {
		w.letInAt = now.Add(contestPause)
		w.letIn(now)
	}
	if !now.Before(w.rescan) {
		w.patrol(now)
	}
	for len(w.later) > 0 && !now.Before(w.later[0].due) {
		w.queue(w.later[0])
	}
}

// queue has e looked at as soon as it is its turn.
func (w *Watcher) queue(e *entry) {
	w.later.drop(e)
	if !e.queued {
		e.queued = true
		w.ready = append(w.ready, e)
	}
}

// lookNext looks at the next entry, if there is one, and makes it the head where there
// is something to tell.
func (w *Watcher) lookNext(now time.Time) {
	if w.id == nil {
		return
	}
	if !w.scanned && len(w.starting) == 0 {
		w.scanned = true
		w.head, w.letInAt = &Scanned{Unsettled: w.unsettled()}, w.rescan
		return
	}
	if len(w.ready) == 0 {
		return
	}
	e := w.ready[0]
	w.ready[0] = nil
	w.ready = w.ready[1:]
	e.queued = false
	if w.entries[e.name] != e {
		return // forgotten meanwhile
	}
	s := look(w.dir, e.name, e.decided(now))
	if s.condition == absent && !w.intact() {
		w.lose()
		return
	}
	step := e.next(s, now, &w.cfg)
	if s.offer != nil && step.say != sayOffer {
		s.offer.Close()
	}
	w.follow(e, s, step, now)
	if step.say != sayOffer && (s.condition != resting || step.again == 0) {
		delete(w.starting, e)
	}
}

// follow does what the step says.
func (w *Watcher) follow(e *entry, s sight, step step, now time.Time) {
	path := filepath.Join(w.dir, e.name)
	switch step.say {
	case sayOffer:
		s.offer.AtStart, s.offer.edition, s.offer.again = e.atStart, s.edition, w.again
		w.head = s.offer
	case sayRefused:
		w.head = &Refused{Name: e.name, Path: path, UID: s.uid, AtStart: e.atStart, Err: s.err}
	case sayRemoved:
		w.head = &Removed{Name: e.name, Path: path}
	case sayWaiting:
		w.head = &Waiting{Name: e.name, Path: path, Since: e.unsettled, Why: s.why()}
	case sayNothing:
		switch {
		case step.forget:
			w.forget(e)
		case step.again > 0:
			w.later.set(e, now.Add(step.again))
		}
		return
	}
	w.of, w.letInAt = e, now.Add(contestPause)
}

// delivered notes that the consumer has taken the head.
func (w *Watcher) delivered() {
	n, e := w.head, w.of
	w.head, w.of = nil, nil
	switch n.(type) {
	case *Scanned:
		return
	case *Removed:
		w.forget(e)
	case *Waiting:
		w.queue(e)
	}
	e.delivered(n)
	delete(w.starting, e)
}

// again is Offer.Retry of the watcher's offers.
func (w *Watcher) again(o *Offer) {
	select {
	case w.retries <- o:
	case <-w.ended:
	}
}

// retry notes that the consumer could not take o now.
func (w *Watcher) retry(o *Offer) {
	if e := w.entries[o.Name]; e != nil && e.retry(o, time.Now(), w.cfg.Retry) {
		w.queue(e)
	}
}

// withdraw takes back the head, of which something has happened.
func (w *Watcher) withdraw() {
	if o, ok := w.head.(*Offer); ok {
		o.Close()
	}
	w.head, w.of = nil, nil
}

// letIn withdraws an offer that nobody has taken and that a writer waits for.
func (w *Watcher) letIn(now time.Time) {
	if o, ok := w.head.(*Offer); ok && o.contested() {
		e := w.of
		w.withdraw()
		w.later.set(e, now.Add(firstPause))
	}
}

func (w *Watcher) forget(e *entry) {
	w.later.drop(e)
	delete(w.entries, e.name)
	delete(w.starting, e)
}

// event notes what fsnotify tells.
func (w *Watcher) event(ev fsnotify.Event) {
	if ev.Name == w.dir {
		if ev.Has(fsnotify.Remove) || ev.Has(fsnotify.Rename) {
			w.lose()
		}
		return
	}
	base, ok := strings.CutPrefix(ev.Name, w.dir+"/")
	if !ok || ignored(base) {
		return
	}
	name, sidecar := subject(base)
	if w.entries[name] == nil && sidecar {
		return
	}
	e := w.entry(name)
	e.event(ev.Has(fsnotify.Create|fsnotify.Write), sidecar)
	if w.of == e {
		w.withdraw()
	}
	if e.pause == 0 || ev.Op != fsnotify.Write {
		w.queue(e)
		return
	}
	// Of a file being written, one look a pause is enough.
	if due := time.Now().Add(firstPause); !e.queued && (e.slot < 0 || due.Before(e.due)) {
		w.later.set(e, due)
	}
}

// trouble notes an error of fsnotify: events are lost, so all is looked at again.
func (w *Watcher) trouble(err error) {
	if errors.Is(err, fsnotify.ErrEventOverflow) {
		w.log.Warn("events were lost; the directory is scanned again")
	} else {
		w.log.Error("watching had trouble; the directory is scanned again", zap.Error(err))
	}
	w.rescan = time.Time{}
}

// why is one line on what a file is waited for.
func (s sight) why() string {
	switch s.condition {
	case busy:
		return "it is open for writing"
	case unseen:
		return fmt.Sprintf("%s: %v", s.err.Msg, s.err.Err)
	case incomplete:
		return s.err.Msg
	}
	return "it keeps changing"
}
