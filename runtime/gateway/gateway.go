package gateway

import (
	"context"
	"net"
	"net/netip"
	"os"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Resolver looks names up, as *net.Resolver does; network is ip, ip4 or ip6.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Config says how the gateway reaches the world; zero values are the machine's own.
type Config struct {
	Logger   *zap.Logger
	Resolver Resolver
}

// Gateway serves the links of modules. It is safe for concurrent use.
type Gateway struct {
	log      *zap.Logger
	resolver Resolver
}

// New makes a Gateway.
func New(cfg Config) *Gateway {
	g := &Gateway{log: cfg.Logger, resolver: cfg.Resolver}
	if g.log == nil {
		g.log = zap.NewNop()
	}
	if g.resolver == nil {
		g.resolver = net.DefaultResolver
	}
	return g
}

// Request is what one process may have.
type Request struct {
	Release module.Release
	// Permissions are those that were asked for and granted; Withheld were asked for
	// alone, so that a denial can say so.
	Permissions, Withheld manifest.Permissions
	// Denied is told of each denial; it must not block.
	Denied func(module.Denial)
}

// Serve answers what comes over the link, and what the filter's listener tells where the
// launcher sends one, until the link is closed at its other end and nothing is left to
// do, or ctx ends. It owns link.
func (g *Gateway) Serve(ctx context.Context, link *os.File, req Request) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := newProcess(g, req)
	l, err := openLink(p, link)
	if err != nil {
		p.log.Error("the link cannot be served", zap.Error(err))
		return
	}
	if err := l.serve(ctx); err != nil && ctx.Err() == nil {
		p.log.Warn("the module broke the rules of the link, which is closed", zap.Error(err))
	}
	p.tasks.Wait()
}
