package sdk

import (
	"context"
	"crypto/subtle"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/segue-run/segue/sdk/wire"
)

// guard stands before every control call, those of go-plugin's own services too.
type guard struct {
	nonce string // of this launch; where it is empty every call is refused
	probe func(context.Context) *healthpb.HealthCheckResponse
	// ending ends the streams, which else would last as long as the process.
	ending context.Context
}

// admit refuses a call that does not know the launch's secret.
func (g *guard) admit(ctx context.Context) error {
	got := metadata.ValueFromIncomingContext(ctx, wire.NonceHeader)
	if g.nonce == "" || len(got) != 1 || subtle.ConstantTimeCompare([]byte(got[0]), []byte(g.nonce)) != 1 {
		return status.Error(codes.Unauthenticated, "the call does not carry this launch's nonce")
	}
	return nil
}

// unary also answers the probes: go-plugin registers a health service of its own,
// which knows nothing of the module, and there can be only one.
func (g *guard) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if err := g.admit(ctx); err != nil {
		return nil, err
	}
	if probe, ok := req.(*healthpb.HealthCheckRequest); ok && probe.GetService() == wire.HealthService {
		return g.probe(ctx), nil
	}
	return next(ctx, req)
}

// stream leaves go-plugin's handlers behind at the end: one of them waits for a
// message of the host's, whatever its context says.
func (g *guard) stream(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if err := g.admit(s.Context()); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- next(srv, s) }()
	select {
	case err := <-done:
		return err
	case <-g.ending.Done():
		return nil
	}
}
