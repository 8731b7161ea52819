package proxy

import (
	"errors"
	"fmt"
	"time"
)

// Why a request is not served.
var (
	// ErrNoRoute: no module serves this address.
	ErrNoRoute = errors.New("no route")
	// ErrNoTarget: a module serves it, but nothing of it runs. It comes as a
	// *NoTargetError.
	ErrNoTarget = errors.New("no target")
	// ErrDraining is the cause with which a request is cancelled whose target, or
	// whose engine, has no more time to let it finish.
	ErrDraining = errors.New("draining")
	// ErrRecalled is why an attempt ended that was taken back from its target, to be made
	// at another one.
	ErrRecalled = errors.New("recalled")
	// ErrTimeout is the cause with which a request is cancelled that took too long.
	ErrTimeout = errors.New("timeout")
)

// NoTargetError is ErrNoTarget with what the client may be told.
type NoTargetError struct {
	Module     string
	RetryAfter time.Duration // when to try again
	QueueFull  bool          // refused at once, because too many wait already
	Preview    bool          // it asked for the preview, and there is nothing to see
	OverQuota  bool          // refused at once: what could answer has as many requests as it may
}

// Error names the module.
func (e *NoTargetError) Error() string {
	if e.Preview {
		return fmt.Sprintf("module %s: no candidate to preview", e.Module)
	}
	if e.OverQuota {
		return fmt.Sprintf("module %s: as many requests in flight as it may have", e.Module)
	}
	if e.QueueFull {
		return fmt.Sprintf("module %s: no target, and too many requests wait for one", e.Module)
	}
	return fmt.Sprintf("module %s: no target", e.Module)
}

// Is makes it an ErrNoTarget.
func (e *NoTargetError) Is(target error) bool { return target == ErrNoTarget }

// LimitError refuses a request because there are too many.
type LimitError struct {
	Module string
	Route  string // Route.Pattern where the limit is a route's own; empty for the module's
	// Concurrent says that too many are in flight; else too many have come in a while.
	Concurrent bool
	// Client says that too many have come from the client's own address.
	Client     bool
	RetryAfter time.Duration // when to try again
}

// Error names whose limit it is.
func (e *LimitError) Error() string {
	whose := "module " + e.Module
	if e.Route != "" {
		whose += ", route " + e.Route
	}
	if e.Concurrent {
		return whose + ": too many requests in flight"
	}
	if e.Client {
		return whose + ": too many requests from one address"
	}
	return whose + ": too many requests"
}

// MaintenanceError refuses a request because an operator has closed the module.
type MaintenanceError struct {
	Module     string
	Message    string        // the operator's, for the client; may be empty
	RetryAfter time.Duration // when to try again; 0: nobody knows
}

// Error names the module.
func (e *MaintenanceError) Error() string { return "module " + e.Module + ": closed for maintenance" }

// AddressError refuses a host or a path that has more than one reading.
type AddressError struct {
	Part string // "host" or "path"
	Msg  string
}

// Error says which part and why.
func (e *AddressError) Error() string { return e.Part + ": " + e.Msg }
