package host

import (
	"context"

	"github.com/segue-run/segue/runtime/hook"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
)

// checks does what a rollout asks of the world before it goes on.
type checks struct {
	hooks   *hook.Caller
	traffic *traffic
}

var _ rollout.Checks = checks{}

func (c checks) Hook(ctx context.Context, url string, point policy.Point, status module.RolloutStatus) error {
	status.Preview = c.traffic.preview(status.Module, status.ID)
	return c.hooks.Call(ctx, url, point, status)
}

func (c checks) Check(ctx context.Context, inst rollout.Instance, check policy.Check) error {
	return hook.Check(ctx, inst.Dial, "", check)
}

func (c checks) Rehearse(ctx context.Context, name string, inst rollout.Instance, how policy.Rehearsal) (module.Comparison, error) {
	return c.traffic.rehearse(ctx, name, inst, how)
}
