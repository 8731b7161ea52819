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

func (r runtime) Promote(ctx context.Context, o api.Order) error {
	return r.change(ctx, o, "promote", r.engine.Promote)
}

func (r runtime) Abort(ctx context.Context, o api.Order) error {
	return r.change(ctx, o, "abort", r.engine.Abort)
}

func (r runtime) Pause(context.Context, api.Order) error { return notWired("pause") }

func (r runtime) Resume(context.Context, api.Order) error { return notWired("resume") }

func (r runtime) Approve(context.Context, api.Order) error { return notWired("approve") }

func (r runtime) Rollback(ctx context.Context, o api.Order) error {
	if o.Stepped {
		return notWired("rollback --stepped")
	}
	return r.change(ctx, o, "roll back", r.engine.Rollback)
}

func (r runtime) Remove(ctx context.Context, o api.Order) error {
	return r.change(ctx, o, "remove", func(ctx context.Context, actor module.Actor, name string) error {
		return r.engine.Remove(ctx, actor, name, "removed by "+actor.String())
	})
}

func (r runtime) Rollouts(context.Context, string, int) ([]module.RolloutStatus, error) {
	return nil, notWired("history")
}

func notWired(verb string) error {
	return &module.Error{Kind: module.Unavailable, Msg: verb + " is not wired yet"}
}

func (r runtime) change(ctx context.Context, o api.Order, verb string, do func(context.Context, module.Actor, string) error) error {
	if err := access.Authorize(o.Actor, verb+" "+o.Module); err != nil {
		return err
	}
	if o.Rollout != "" {
		status, err := r.engine.Status(o.Module)
		if err != nil {
			return err
		}
		if err := status.Rollout.UnderWay(o.Rollout); err != nil {
			return err
		}
	}
	return do(ctx, o.Actor, o.Module)
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
