package balance

import (
	"context"
	"fmt"
	"time"

	"github.com/segue-run/segue/proxy"
)

// DoorState is whether a module's requests come in.
type DoorState string

// The states of a door.
const (
	DoorOpen        DoorState = "open"
	DoorHeld        DoorState = "held"        // they wait
	DoorMaintenance DoorState = "maintenance" // they are refused
)

// Door is an operator's hand on a module's requests. What is in flight goes on. Zero
// values mean the default.
type Door struct {
	State DoorState // default open
	// Message is for the clients that are refused for maintenance.
	Message string
	// RetryAfter is what those who are refused are told; default: until Until, if that is to
	// come, else what the group tells where the door is held, and nothing for maintenance.
	RetryAfter time.Duration
	// MaxHeld is how many requests are held at a time; more are refused at once. Default
	// 1000.
	MaxHeld int
	// MaxWait is how long each is held before it is refused; default 30 s.
	MaxWait time.Duration
	// Until is when the operator means to be done; zero: nobody knows. No request is held
	// beyond it. It does not open the door.
	Until time.Time
}

// SetDoor replaces the door in one step. Requests that are held come in, all at
// once, when it opens; they are refused when it goes to maintenance. A door that is held
// anew goes on holding them by the limits under which they came. It refuses a state that
// there is not, and limits below 0.
func (g *Group) SetDoor(d Door) error {
	unless(&d.State, DoorOpen)
	unless(&d.MaxHeld, 1000)
	unless(&d.MaxWait, 30*time.Second)
	switch {
	case d.State != DoorOpen && d.State != DoorHeld && d.State != DoorMaintenance:
		return fmt.Errorf("door of module %s: no state is called %q", g.cfg.Module, d.State)
	case d.MaxHeld < 0 || d.MaxWait < 0 || d.RetryAfter < 0:
		return fmt.Errorf("door of module %s: a limit is negative", g.cfg.Module)
	}
	g.door.Store(&d)
	if d.State != DoorHeld {
		g.held.empty()
	}
	return nil
}

// Door is the door of this moment.
func (g *Group) Door() Door {
	if d := g.door.Load(); d != nil {
		return *d
	}
	return Door{State: DoorOpen}
}

// enter has a request wait for the door, or refuses it. Who asks for the preview passes
// maintenance, so that an operator can look before all others; held are all.
func (g *Group) enter(ctx context.Context, preview bool) error {
	var limit <-chan time.Time
	for {
		d := g.door.Load()
		switch {
		case d == nil || d.State == DoorOpen || d.State == DoorMaintenance && preview:
			return nil
		case d.State == DoorMaintenance:
			g.closed.Add(1)
			return &proxy.MaintenanceError{Module: g.cfg.Module, Message: d.Message, RetryAfter: d.retryAfter()}
		}
		if limit == nil {
			timer := time.NewTimer(d.wait())
			defer timer.Stop()
			limit = timer.C
		}
		if err := g.hold(ctx, d, limit); err != nil {
			return err
		}
	}
}

// hold waits until the door may have changed.
func (g *Group) hold(ctx context.Context, d *Door, limit <-chan time.Time) error {
	g.held.mu.Lock()
	if now := g.door.Load(); now.State != DoorHeld { // whoever changes it empties the line after
		g.held.mu.Unlock()
		return nil
	}
	w := g.held.addLocked(nil, d.MaxHeld)
	g.held.mu.Unlock()
	if w == nil {
		return g.refuse(proxy.NoTargetError{RetryAfter: d.retryAfter(), QueueFull: true})
	}
	select {
	case <-w.turn:
	case <-limit:
		if g.held.quit(w) {
			return g.refuse(proxy.NoTargetError{RetryAfter: d.retryAfter()})
		}
	case <-ctx.Done():
		if g.held.quit(w) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// wait is how long a request that comes now is held.
func (d *Door) wait() time.Duration {
	if d.Until.IsZero() {
		return d.MaxWait
	}
	return min(d.MaxWait, time.Until(d.Until))
}

// retryAfter is what a client is told that is refused now; 0 where nobody knows.
func (d *Door) retryAfter() time.Duration {
	if d.RetryAfter > 0 || d.Until.IsZero() {
		return d.RetryAfter
	}
	return max(0, time.Until(d.Until))
}
