package host

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
)

// process is an instance in a rollout's words.
type process struct {
	*instance.Instance
	target  atomic.Pointer[balance.Target] // nil until it is routable
	refused atomic.Uint64                  // requests that had no room, of which was told
}

var _ rollout.Instance = (*process)(nil)

func (p *process) Stop(ctx context.Context) bool { return p.Instance.Stop(ctx, 0).Killed }
func (p *process) Exit() string                  { return p.Instance.Exit().String() }

// Denials has the quota of requests beside the sandbox's: the proxy holds it to that.
func (p *process) Denials() []module.Denial {
	if t := p.target.Load(); t != nil {
		now := t.Refused()
		if before := p.refused.Swap(now); now > before {
			p.Deny(module.Denial{By: module.ByQuota, What: "requests", Count: now - before,
				Hint: fmt.Sprintf("it may have %d in flight; its manifest may ask for more in quotas.requests, up to the operator's ceiling", p.Sandbox().Quotas.Requests)})
		}
	}
	return p.Instance.Denials()
}
