package gateway

import (
	"context"
	"net/netip"
	"os"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Config says how the gateway reaches the world; zero values are the machine's own.
type Config struct {
	Logger   *zap.Logger
	Resolver interface {
		LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	}
}

// Gateway serves the links of modules. It is safe for concurrent use.
type Gateway struct{}

// New makes a Gateway.
func New(cfg Config) *Gateway { return &Gateway{} }

// Request is what one process may have.
type Request struct {
	Release module.Release
	// Permissions are those that were asked for and granted; Withheld were asked for
	// alone, so that a denial can say so.
	Permissions, Withheld manifest.Permissions
	// PID is the process's, as the host sees it; it blocks until it is known, and is 0
	// where the process never was.
	PID func() int
	// Denied is told of each denial; it must not block.
	Denied func(module.Denial)
}

// Serve answers what comes over the link, and what the filter's listener tells where the
// launcher sends one, until the link is closed at its other end and nothing is left to
// do, or ctx ends. It owns link.
func (g *Gateway) Serve(ctx context.Context, link *os.File, req Request) {}
