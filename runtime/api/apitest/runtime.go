package apitest

import (
	"cmp"
	"context"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Offer is a deploy as a Runtime saw it.
type Offer struct {
	Actor   module.Actor
	Bytes   []byte
	Input   api.DeployInput // without its Source
	ReadErr error           // what the Source broke with
}

// Runtime implements api.Runtime in memory. Set the exported fields before it is
// used.
type Runtime struct {
	// OnDeploy answers an offer; nil accepts none.
	OnDeploy func(Offer) (module.RolloutStatus, error)
	// OnVerb answers "promote", "abort", "pause", "resume", "approve", "revoke",
	// "rollback" and "remove"; nil accepts all.
	OnVerb func(verb string, o api.Order) error
	// OnDoor answers SetDoor; nil shows it in the module's status.
	OnDoor func(o api.DoorOrder) error
	// Past are the rollouts of every module that are over, newest first.
	Past []module.RolloutStatus
	// Served is what Routes answers.
	Served []module.RouteStatus
	// FollowErr ends every Follow after the history; nil follows on.
	FollowErr error
	// NotReady is what Ready answers.
	NotReady error
	// About is what Info answers.
	About api.Info
	// AuditRecords is what Audit answers, as far as its limit goes.
	AuditRecords []module.AuditRecord

	mu      sync.Mutex
	modules map[string]module.Status
	events  []module.Event
	grown   chan struct{} // closed and replaced with each new event
}

var _ api.Runtime = (*Runtime)(nil)

// Put makes status the state of its module.
func (r *Runtime) Put(status module.Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.modules == nil {
		r.modules = map[string]module.Status{}
	}
	r.modules[status.Name] = status
}

// Emit appends events and gives them their Seq.
func (r *Runtime) Emit(events ...module.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, event := range events {
		event.Seq = uint64(len(r.events) + 1)
		r.events = append(r.events, event)
	}
	if r.grown != nil {
		close(r.grown)
		r.grown = nil
	}
}

// Modules implements api.Runtime.
func (r *Runtime) Modules(context.Context) ([]module.Status, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.modules), func(a, b module.Status) int {
		return cmp.Compare(a.Name, b.Name)
	}), nil
}

// Routes implements api.Runtime.
func (r *Runtime) Routes(context.Context) ([]module.RouteStatus, error) { return r.Served, nil }

// Module implements api.Runtime.
func (r *Runtime) Module(_ context.Context, name string) (module.Status, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	status, ok := r.modules[name]
	if !ok {
		return status, unknown(name)
	}
	return status, nil
}

// Deploy implements api.Runtime.
func (r *Runtime) Deploy(_ context.Context, actor module.Actor, in api.DeployInput) (module.RolloutStatus, error) {
	offer := Offer{Actor: actor, Input: in}
	offer.Bytes, offer.ReadErr = io.ReadAll(in.Source)
	offer.Input.Source = nil
	if r.OnDeploy == nil {
		return module.RolloutStatus{}, &module.Error{Kind: module.Unavailable, Msg: "no offer is taken"}
	}
	return r.OnDeploy(offer)
}

// Promote implements api.Runtime.
func (r *Runtime) Promote(_ context.Context, o api.Order) error { return r.verb("promote", o) }

// Abort implements api.Runtime.
func (r *Runtime) Abort(_ context.Context, o api.Order) error { return r.verb("abort", o) }

// Pause implements api.Runtime.
func (r *Runtime) Pause(_ context.Context, o api.Order) error { return r.verb("pause", o) }

// Resume implements api.Runtime.
func (r *Runtime) Resume(_ context.Context, o api.Order) error { return r.verb("resume", o) }

// Approve implements api.Runtime.
func (r *Runtime) Approve(_ context.Context, o api.Order) error { return r.verb("approve", o) }

// Revoke implements api.Runtime.
func (r *Runtime) Revoke(_ context.Context, o api.Order) error { return r.verb("revoke", o) }

// Rollback implements api.Runtime.
func (r *Runtime) Rollback(_ context.Context, o api.Order) error { return r.verb("rollback", o) }

// Remove implements api.Runtime.
func (r *Runtime) Remove(_ context.Context, o api.Order) error { return r.verb("remove", o) }

// SetDoor implements api.Runtime.
func (r *Runtime) SetDoor(_ context.Context, o api.DoorOrder) error {
	status, err := r.Module(context.Background(), o.Module)
	if err != nil {
		return err
	}
	if r.OnDoor != nil {
		return r.OnDoor(o)
	}
	if o.State == module.DoorOpen && status.Door == nil {
		return &module.Error{Kind: module.Conflict, Field: "door", Value: o.Module, Msg: "is open already"}
	}
	status.Door = nil
	if o.State != module.DoorOpen {
		status.Door = &module.Door{State: o.State, Since: time.Now(), Actor: o.Actor.String(), Message: o.Message, RetryAfter: manifest.Duration(o.RetryAfter)}
		if o.For > 0 {
			status.Door.Until = status.Door.Since.Add(o.For)
		}
	}
	r.Put(status)
	return nil
}

// verb refuses what is for a rollout that is not under way, and asks OnVerb.
func (r *Runtime) verb(verb string, o api.Order) error {
	status, err := r.Module(context.Background(), o.Module)
	if err != nil {
		return err
	}
	if o.Rollout != "" {
		if err := status.Rollout.UnderWay(o.Rollout); err != nil {
			return err
		}
	}
	if r.OnVerb == nil {
		return nil
	}
	return r.OnVerb(verb, o)
}

// Rollouts implements api.Runtime.
func (r *Runtime) Rollouts(_ context.Context, name string, limit int) ([]module.RolloutStatus, error) {
	status, err := r.Module(context.Background(), name)
	if err != nil {
		return nil, err
	}
	var all []module.RolloutStatus
	if status.Rollout != nil && !status.Rollout.Over() {
		all = append(all, *status.Rollout)
	}
	for _, past := range r.Past {
		if past.Module == name {
			all = append(all, past)
		}
	}
	return all[:min(len(all), cmp.Or(limit, len(all)))], nil
}

// History implements api.Runtime.
func (r *Runtime) History(_ context.Context, filter module.EventFilter) ([]module.Event, error) {
	events, _ := r.after(filter)
	return newest(events, cmp.Or(filter.Limit, 200)), nil
}

// Follow implements api.Runtime.
func (r *Runtime) Follow(ctx context.Context, filter module.EventFilter) iter.Seq2[module.Event, error] {
	return func(yield func(module.Event, error) bool) {
		events, grown := r.after(filter)
		if filter.After == 0 {
			events = newest(events, cmp.Or(filter.Limit, 200))
		}
		for {
			for _, event := range events {
				if !yield(event, nil) {
					return
				}
				filter.After = event.Seq
			}
			if r.FollowErr != nil {
				yield(module.Event{}, r.FollowErr)
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-grown:
			}
			events, grown = r.after(filter)
		}
	}
}

// after gives the events that filter selects, and what is closed when there are
// more.
func (r *Runtime) after(filter module.EventFilter) ([]module.Event, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.grown == nil {
		r.grown = make(chan struct{})
	}
	var selected []module.Event
	for _, event := range r.events {
		if event.Seq > filter.After && (filter.Module == "" || event.Module == filter.Module) {
			selected = append(selected, event)
		}
	}
	return selected, r.grown
}

// Audit implements api.Runtime.
func (r *Runtime) Audit(_ context.Context, name string, limit int) ([]module.AuditRecord, error) {
	var selected []module.AuditRecord
	for _, rec := range r.AuditRecords {
		if target, _, _ := strings.Cut(rec.Target, "@"); name == "" || target == name {
			selected = append(selected, rec)
		}
	}
	return newest(selected, cmp.Or(limit, 200)), nil
}

// Ready implements api.Runtime.
func (r *Runtime) Ready() error { return r.NotReady }

// Info implements api.Runtime.
func (r *Runtime) Info() api.Info { return r.About }

func newest[T any](list []T, limit int) []T {
	return list[max(0, len(list)-limit):]
}

func unknown(name string) error {
	return &module.Error{Kind: module.NotFound, Field: "module", Value: name, Msg: "no such module", Hint: "segue ls shows which there are"}
}
