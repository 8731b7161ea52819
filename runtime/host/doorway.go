package host

import (
	"time"

	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/runtime/module"
	"go.uber.org/zap"
)

const (
	// maxHeld is how long a request is held at most: few clients wait for longer.
	maxHeld = time.Minute
	// doorGrace is how much later than its door opens a held request would be refused, so
	// that those that came with the hold come in.
	doorGrace = 2 * time.Second
	// usualRetry is what clients are told to wait for where nobody knows.
	usualRetry = time.Minute
)

// setDoor puts a door before a module's requests, be it in the routes or not yet.
func (t *traffic) setDoor(name string, door module.Door) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if door.State == module.DoorOpen {
		delete(t.doors, name)
	} else {
		t.doors[name] = door
	}
	if m := t.modules[name]; m != nil {
		t.hangLocked(m.group, door)
	}
}

// hangLocked puts a door before a group.
func (t *traffic) hangLocked(group *balance.Group, door module.Door) {
	hung := balance.Door{State: balance.DoorState(door.State), Message: door.Message, RetryAfter: door.RetryAfter.Std(), Until: door.Until}
	switch {
	case door.State == module.DoorHeld:
		hung.MaxWait, hung.Until = maxHeld, door.Until.Add(doorGrace)
	case door.RetryAfter == 0 && door.Until.IsZero():
		hung.RetryAfter = usualRetry
	}
	if err := group.SetDoor(hung); err != nil {
		t.log.Error("a door could not be closed or opened", zap.String("module", group.Module()), zap.Error(err))
	}
}
