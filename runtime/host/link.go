package host

import (
	"context"
	"os"

	"github.com/segue-run/segue/runtime/gateway"
	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// link is the gateway as one process has it.
type link struct {
	gateway               *gateway.Gateway
	release               module.Release
	permissions, withheld manifest.Permissions
}

var _ instance.Gateway = link{}

// Serve implements instance.Gateway.
func (l link) Serve(ctx context.Context, end *os.File, denied func(module.Denial)) {
	l.gateway.Serve(ctx, end, gateway.Request{Release: l.release, Permissions: l.permissions, Withheld: l.withheld, Denied: denied})
}
