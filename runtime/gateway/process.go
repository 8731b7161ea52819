package gateway

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
)

// process is one process that is served: what it may, what it was told, and what is
// being done for it.
type process struct {
	req   Request
	log   *zap.Logger
	names *names
	// tasks are the goroutines that outlast the link: the supervisor, and what it began.
	tasks sync.WaitGroup
}

func newProcess(g *Gateway, req Request) *process {
	if req.Denied == nil {
		req.Denied = func(module.Denial) {}
	}
	return &process{
		req:   req,
		log:   g.log.With(zap.String("module", req.Release.Module), zap.String("release", req.Release.String())),
		names: newNames(g.resolver, req.Permissions),
	}
}

// denied records that something was tried.
func (p *process) denied(by, what, hint string) {
	now := time.Now()
	p.req.Denied(module.Denial{First: now, Last: now, Count: 1, By: by, What: what, Hint: hint})
}
