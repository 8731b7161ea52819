package host

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/runtime/state"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

// defaultHold is how long requests are held where nobody says.
const defaultHold = 30 * time.Second

// doorPatience is how long the disk may take for doors that open by themselves, while an
// operator may wait for them.
const doorPatience = 2 * time.Second

// doors are what operators have closed: kept in a bucket, one key a module, and put before
// the traffic. A goroutine opens those whose time has come.
type doors struct {
	bucket shelf
	// known is an error where there is no such module.
	known func(name string) error
	// put puts a door before a module's requests, be it in the routes or not yet. It does
	// not block.
	put func(name string, d module.Door)
	to  rollout.Log
	log *zap.Logger

	change sync.Mutex // held over a change, so over the disk's answer, of which each has a limit; before mu
	mu     sync.Mutex
	closed map[string]module.Door

	wake   chan struct{} // there may be one that opens sooner
	stop   context.CancelFunc
	opener sync.WaitGroup
}

// shelf keeps values by key; a state.Bucket is one.
type shelf interface {
	All(ctx context.Context) ([]state.Value, error)
	Put(ctx context.Context, key string, value []byte) (uint64, error)
	Delete(ctx context.Context, key string) error
}

// openDoors closes the doors that operators have closed, before anything comes in.
func (h *host) openDoors(ctx context.Context) error {
	bucket, err := h.store.Bucket(ctx, "doors", state.BucketConfig{})
	if err != nil {
		return err
	}
	known := func(name string) error { _, err := h.engine.Status(name); return err }
	h.doors = &doors{bucket: bucket, known: known, put: h.traffic.setDoor, to: h.journal, log: h.log}
	if err := h.doors.open(ctx); err != nil {
		return err
	}
	h.closes(func() error { h.doors.close(); return nil })
	return nil
}

// open puts the doors that were closed before the traffic, as they were, and starts the
// goroutine that opens them; close joins it.
func (d *doors) open(ctx context.Context) error {
	values, err := d.bucket.All(ctx)
	if err != nil {
		return err
	}
	d.closed, d.wake = map[string]module.Door{}, make(chan struct{}, 1)
	for _, v := range values {
		var door module.Door
		if err := json.Unmarshal(v.Data, &door); err != nil {
			return fmt.Errorf("read the door of module %s: %w", v.Key, err)
		}
		d.closed[v.Key] = door
		d.put(v.Key, door)
	}
	opening, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = stop
	d.opener.Go(func() { d.run(opening) })
	return nil
}

func (d *doors) close() {
	d.stop()
	d.opener.Wait()
}

// run opens the doors whose time has come, until ctx ends.
func (d *doors) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var due <-chan time.Time
		if next := d.next(); !next.IsZero() {
			timer.Reset(time.Until(next))
			due = timer.C
		}
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-due:
			d.expire(ctx, time.Now())
		}
	}
}

// next is when the first one opens by itself; zero for never.
func (d *doors) next() (first time.Time) {
	for _, door := range d.all() {
		if !door.Until.IsZero() && (first.IsZero() || door.Until.Before(first)) {
			first = door.Until
		}
	}
	return first
}

func (d *doors) all() map[string]module.Door {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.closed)
}

// of is the module's door; nil where it is open.
func (d *doors) of(name string) *module.Door {
	d.mu.Lock()
	defer d.mu.Unlock()
	if door, closed := d.closed[name]; closed {
		return &door
	}
	return nil
}

// show puts a door before a module's requests, and says so from now on.
func (d *doors) show(name string, door module.Door) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if door.State == module.DoorOpen {
		delete(d.closed, name)
	} else {
		d.closed[name] = door
	}
	d.put(name, door)
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// expire opens what is due. Nobody has to wait for the disk, and no operator for long: a
// door whose time has come would be opened after a restart as well.
func (d *doors) expire(ctx context.Context, now time.Time) {
	d.change.Lock()
	defer d.change.Unlock()
	ctx, cancel := context.WithTimeout(ctx, doorPatience)
	defer cancel()
	opening := doorActions[module.DoorOpen]
	for name, door := range d.all() {
		if door.Until.IsZero() || door.Until.After(now) {
			continue
		}
		d.show(name, module.Door{State: module.DoorOpen})
		if err := d.bucket.Delete(ctx, name); err != nil {
			d.log.Error("a door that has opened is still in the state", zap.String("module", name), zap.Error(err))
		}
		reason := "the time of " + door.Actor + " for it is over"
		d.to.Note(module.AuditRecord{Actor: module.Self, Action: opening.verb, Target: name, Outcome: "accepted", Reason: reason})
		d.to.Emit(module.Event{Type: opening.event, Module: name, Actor: module.Self.String(), Reason: reason, Message: name + ": " + opening.says})
	}
}

// doorActions are the words for what is done to a door, and for the event of it.
var doorActions = map[module.DoorState]struct {
	verb  string
	event module.EventType
	says  string
}{
	module.DoorOpen:        {"open", module.ModuleOpened, "its requests come in again"},
	module.DoorHeld:        {"hold", module.ModuleHeld, "its requests are held"},
	module.DoorMaintenance: {"maintenance", module.ModuleMaintenance, "its requests are refused, for maintenance"},
}

// set does what an actor asks, and leaves an audit record either way. What closes a door
// is done first and kept then: a full disk keeps nobody from it. What opens one is done
// when it is audited and kept.
func (d *doors) set(ctx context.Context, o api.DoorOrder) error {
	action := doorActions[o.State]
	rec := module.AuditRecord{Actor: o.Actor, Action: action.verb, Target: o.Module}
	d.change.Lock()
	defer d.change.Unlock()
	err := d.known(o.Module)
	if err == nil {
		err = d.contradicts(o)
	}
	if err != nil {
		rec.Outcome, rec.Reason = "refused", err.Error()
		d.audit(ctx, rec)
		return err
	}
	door := doorOf(o, time.Now().UTC())
	rec.Outcome, rec.Reason = "accepted", o.Message
	if o.State == module.DoorOpen {
		err = d.reopen(ctx, rec)
	} else {
		err = d.shut(ctx, door, rec)
	}
	if err == nil || o.State != module.DoorOpen {
		d.to.Emit(module.Event{Type: action.event, Module: o.Module, Actor: o.Actor.String(), Reason: o.Message, Message: o.Module + ": " + action.says + until(door)})
	}
	return err
}

// contradicts refuses an order that what is there stands against: a hold would end a
// maintenance early, as it opens by itself.
func (d *doors) contradicts(o api.DoorOrder) error {
	door := d.of(o.Module)
	switch {
	case o.State == module.DoorOpen && door == nil:
		return &module.Error{Kind: module.Conflict, Field: "door", Value: o.Module, Msg: "is open already", Hint: "segue show " + o.Module + " tells where it stands"}
	case o.State == module.DoorHeld && door != nil && door.State == module.DoorMaintenance:
		return &module.Error{Kind: module.Conflict, Msg: o.Module + " is in maintenance", Hint: "segue open " + o.Module + " first"}
	}
	return nil
}

func (d *doors) reopen(ctx context.Context, rec module.AuditRecord) error {
	if err := d.to.Audit(ctx, rec); err != nil {
		return &module.Error{Kind: module.Unavailable, Msg: "the change could not be audited, so it was not made", Err: err, Hint: "see that the state directory is writable and has space"}
	}
	if err := d.bucket.Delete(ctx, rec.Target); err != nil {
		return &module.Error{Kind: module.Unavailable, Msg: "the change could not be saved, so it was not made", Err: err, Hint: "see that the state directory is writable and has space"}
	}
	d.show(rec.Target, module.Door{State: module.DoorOpen})
	return nil
}

func (d *doors) shut(ctx context.Context, door module.Door, rec module.AuditRecord) error {
	d.show(rec.Target, door)
	defer d.audit(ctx, rec)
	data, err := json.Marshal(door)
	if err == nil {
		_, err = d.bucket.Put(ctx, rec.Target, data)
	}
	if err != nil {
		return &module.Error{Kind: module.Unavailable, Msg: "it is done, but could not be saved", Err: err, Hint: "a restart of the runtime would undo it: see that the state directory is writable and has space, and do it again"}
	}
	return nil
}

// audit writes a record of a change that is made already, or was refused.
func (d *doors) audit(ctx context.Context, rec module.AuditRecord) {
	if err := d.to.Audit(context.WithoutCancel(ctx), rec); err != nil {
		d.log.Error("audit record could not be written", zap.String("action", rec.Action), zap.String("target", rec.Target), zap.Stringer("actor", rec.Actor), zap.Error(err))
	}
}

// doorOf is the door that an order asks for.
func doorOf(o api.DoorOrder, now time.Time) module.Door {
	door := module.Door{State: o.State, Since: now, Message: o.Message, RetryAfter: manifest.Duration(o.RetryAfter), Actor: o.Actor.String()}
	if o.State == module.DoorHeld && o.For == 0 {
		o.For = defaultHold
	}
	if o.For > 0 {
		door.Until = now.Add(o.For)
	}
	return door
}

func until(door module.Door) string {
	if door.Until.IsZero() {
		return ""
	}
	return ", until " + door.Until.Format(time.RFC3339)
}
