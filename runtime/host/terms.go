package host

import (
	"fmt"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
)

// retryBudget is the share of a module's requests that may be retries where none is set.
const retryBudget = 1000 // a tenth

// releaseTerms are what is set for the processes of a module's releases.
func releaseTerms(set config.Module) balance.ReleaseConfig {
	out := set.Ejection
	return balance.ReleaseConfig{SlowStart: set.SlowStart, Queue: balance.Queue(set.Queue),
		Ejection: balance.Ejection{Off: out.Enabled == policy.Off, Failures: out.Failures, Above: int(out.Above),
			First: out.First, Most: out.Most, MostOut: int(out.MostOut)}}
}

// retryOf is whether a release's other processes answer what one of them failed; nil where
// they do not.
func retryOf(set config.Retry) *balance.Retry {
	if set.Enabled != policy.On {
		return nil
	}
	retry := &balance.Retry{Budget: retryBudget}
	if set.Budget != nil {
		retry.Budget = int(*set.Budget)
	}
	for _, m := range set.Routes {
		retry.Matches = append(retry.Matches, proxy.Match(m))
	}
	return retry
}

// changed tells that a process has been taken out of the traffic, or is trusted again.
func (t *traffic) changed(rel module.Release, c balance.Change) {
	id := c.Target.Labels().Instance
	event := module.Event{Type: module.InstanceTrusted, Module: rel.Module, Version: rel.Version, Digest: rel.Digest, Instance: id,
		Message: fmt.Sprintf("%s: process %s gets its share of the requests again", rel, id)}
	if c.Out {
		event.Type, event.Reason = module.InstanceEjected, c.Reason
		event.Message = fmt.Sprintf("%s: process %s gets no requests for %s: %s", rel, id, c.For.Round(time.Millisecond), c.Reason)
	}
	t.emit(event)
}
