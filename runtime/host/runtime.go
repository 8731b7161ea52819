package host

import (
	"context"
	"iter"

	"github.com/segue-run/segue/runtime/access"
	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/module"
)

// runtime is what the admin API sees of the host. Every change is authorised here.
type runtime struct{ *host }

var _ api.Runtime = runtime{}

func (r runtime) Modules(context.Context) ([]module.Status, error) { return r.engine.Statuses(), nil }

func (r runtime) Module(_ context.Context, name string) (module.Status, error) {
	return r.engine.Status(name)
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

func (r runtime) Promote(ctx context.Context, actor module.Actor, name string) error {
	return r.change(ctx, actor, "promote", name, r.engine.Promote)
}

func (r runtime) Abort(ctx context.Context, actor module.Actor, name string) error {
	return r.change(ctx, actor, "abort", name, r.engine.Abort)
}

func (r runtime) Rollback(ctx context.Context, actor module.Actor, name string) error {
	return r.change(ctx, actor, "roll back", name, r.engine.Rollback)
}

func (r runtime) Remove(ctx context.Context, actor module.Actor, name string) error {
	return r.change(ctx, actor, "remove", name, func(ctx context.Context, actor module.Actor, name string) error {
		return r.engine.Remove(ctx, actor, name, "removed by "+actor.String())
	})
}

func (r runtime) change(ctx context.Context, actor module.Actor, verb, name string, do func(context.Context, module.Actor, string) error) error {
	if err := access.Authorize(actor, verb+" "+name); err != nil {
		return err
	}
	return do(ctx, actor, name)
}

func (r runtime) History(ctx context.Context, filter module.EventFilter) ([]module.Event, error) {
	return r.events.History(ctx, filter)
}

func (r runtime) Follow(ctx context.Context, filter module.EventFilter) iter.Seq2[module.Event, error] {
	return r.events.Follow(ctx, filter)
}

func (r runtime) Audit(ctx context.Context, limit int) ([]module.AuditRecord, error) {
	return r.audit.List(ctx, limit)
}

func (r runtime) Ready() error {
	if r.serving.Load() {
		return r.store.Health()
	}
	return &module.Error{Kind: module.Unavailable, Msg: "the runtime is still starting, or is stopping"}
}

func (r runtime) Info() api.Info { return r.info }
