package host

import (
	"context"
	"os"

	"github.com/segue-run/segue/runtime/gateway"
	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
)

// link is the gateway as one process has it.
type link struct {
	gateway *gateway.Gateway
	request gateway.Request // all but Denied
}

var _ instance.Gateway = link{}

// Serve implements instance.Gateway.
func (l link) Serve(ctx context.Context, end *os.File, denied func(module.Denial)) {
	l.request.Denied = denied
	l.gateway.Serve(ctx, end, l.request)
}
