package host

import (
	"context"

	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
)

// process is an instance in a rollout's words.
type process struct{ *instance.Instance }

var _ rollout.Instance = process{}

func (p process) Stop(ctx context.Context) bool { return p.Instance.Stop(ctx, 0).Killed }
func (process) Members() []module.Member        { return nil }
func (process) Settle()                         {}
func (p process) Exit() string                  { return p.Instance.Exit().String() }
