package host

import (
	"context"
	"iter"
	"net/http"
	"slices"

	"github.com/segue-run/segue/runtime/access"
	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
)

// runtime is what the admin API sees of the host. Every change is authorised here.
type runtime struct{ *host }

var _ api.Runtime = runtime{}

// actorOf says who asks for a change over the local socket.
func actorOf(r *http.Request) (module.Actor, error) {
	actor, ok := access.ActorFrom(r.Context())
	if !ok {
		return module.Actor{}, &module.Error{Kind: module.Denied, Msg: "nobody is known at the other end of this connection"}
	}
	return actor, nil
}

func (r runtime) Modules(context.Context) ([]module.Status, error) {
	all := r.engine.Statuses()
	for i := range all {
		all[i].Door = r.doors.of(all[i].Name)
	}
	return all, nil
}

// Module tells how the preview is asked for to those alone who could change things:
// whoever may only read may not look at what is not released.
func (r runtime) Module(ctx context.Context, name string) (module.Status, error) {
	status, err := r.engine.Status(name)
	status.Door = r.doors.of(name)
	if _, known := access.ActorFrom(ctx); err != nil || !known || status.Rollout == nil {
		return status, err
	}
	shown := *status.Rollout
	shown.Preview = r.traffic.preview(name, shown.ID)
	status.Rollout = &shown
	return status, nil
}

// Routes tells of previews to those alone who could change things.
func (r runtime) Routes(ctx context.Context) ([]module.RouteStatus, error) {
	_, known := access.ActorFrom(ctx)
	return r.traffic.routes(known), nil
}

func (r runtime) Deploy(ctx context.Context, actor module.Actor, in api.DeployInput) (module.RolloutStatus, error) {
	if err := access.Authorize(actor, "deploy"); err != nil {
		return module.RolloutStatus{}, err
	}
	if err := r.Ready(); err != nil {
		return module.RolloutStatus{}, err
	}
	return r.intake.upload(ctx, actor, in)
}

func (r runtime) Promote(ctx context.Context, o api.Order) error {
	return r.change(ctx, o, "promote", r.engine.Promote)
}

func (r runtime) Abort(ctx context.Context, o api.Order) error {
	return r.change(ctx, o, "abort", r.engine.Abort)
}

func (r runtime) Pause(ctx context.Context, o api.Order) error {
	return r.change(ctx, o, "pause", r.engine.Pause)
}

func (r runtime) Resume(ctx context.Context, o api.Order) error {
	return r.change(ctx, o, "resume", r.engine.Resume)
}

func (r runtime) Approve(ctx context.Context, o api.Order) error {
	return r.change(ctx, o, "approve", r.engine.Approve)
}

func (r runtime) Revoke(ctx context.Context, o api.Order) error {
	return r.change(ctx, o, "revoke", r.engine.Revoke)
}

func (r runtime) Rollback(ctx context.Context, o api.Order) error {
	return r.change(ctx, o, "roll back", r.engine.Rollback)
}

func (r runtime) Remove(ctx context.Context, o api.Order) error {
	return r.change(ctx, o, "remove", r.engine.Remove)
}

// SetDoor holds, closes or opens a module's door.
func (r runtime) SetDoor(ctx context.Context, o api.DoorOrder) error {
	if err := access.Authorize(o.Actor, doorActions[o.State].verb+" "+o.Module); err != nil {
		return err
	}
	return r.doors.set(ctx, o)
}

func (r runtime) Rollouts(ctx context.Context, name string, limit int) ([]module.RolloutStatus, error) {
	status, err := r.engine.Status(name)
	if err != nil {
		return nil, err
	}
	past, err := r.history.list(ctx, name)
	if err != nil {
		return nil, err
	}
	if latest := status.Rollout; latest != nil {
		// It may be under way, or not filed yet.
		past = slices.DeleteFunc(past, func(p module.RolloutStatus) bool { return p.ID == latest.ID })
		past = slices.Insert(past, 0, *latest)
	}
	if limit > 0 && len(past) > limit {
		past = past[:limit]
	}
	return past, nil
}

func (r runtime) change(ctx context.Context, o api.Order, verb string, do func(context.Context, rollout.Order) error) error {
	if err := access.Authorize(o.Actor, verb+" "+o.Module); err != nil {
		return err
	}
	return do(ctx, rollout.Order(o))
}

func (r runtime) History(ctx context.Context, filter module.EventFilter) ([]module.Event, error) {
	return r.events.History(ctx, filter)
}

func (r runtime) Follow(ctx context.Context, filter module.EventFilter) iter.Seq2[module.Event, error] {
	return r.events.Follow(ctx, filter)
}

func (r runtime) Audit(ctx context.Context, name string, limit int) ([]module.AuditRecord, error) {
	return r.audit.List(ctx, name, limit)
}

func (r runtime) Ready() error {
	if r.serving.Load() {
		return r.store.Health()
	}
	return &module.Error{Kind: module.Unavailable, Msg: "the runtime is still starting, or is stopping"}
}

func (r runtime) Info() api.Info { return r.info }
