package instance

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/wire"
)

// maxProbeBody is how much of an answer to a probe is read, in bytes.
const maxProbeBody = 64 << 10

// Probe asks the module for its health: the gRPC health check and, where the
// manifest names a health path, a GET that must answer 2xx over a connection of its
// own. Nil means healthy. It blocks for at most the manifest's health.timeout, or
// ctx's own deadline where that is earlier. An error of kind Quota says nothing of the
// module: the host itself lacked what it takes to ask.
func (i *Instance) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, i.manifest.Health.WithDefaults().Timeout.Std())
	defer cancel()
	var trailer metadata.MD
	answer, err := i.health.Check(ctx, &healthpb.HealthCheckRequest{Service: wire.HealthService}, grpc.Trailer(&trailer))
	if err != nil {
		return i.callFailed("probe", err)
	}
	if got := answer.GetStatus(); got != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("probe %s: %w", i.release, module.Errorf(module.Unavailable, "the module says %s%s", got, reasonIn(trailer)))
	}
	if i.manifest.Health.Path == "" {
		return nil
	}
	if err := i.get(ctx, i.manifest.Health.Path); err != nil {
		kind := module.Unavailable
		switch {
		case module.KindOf(err) == module.Quota:
			kind = module.Quota
		case ctx.Err() != nil:
			kind = module.Timeout
		}
		return fmt.Errorf("probe %s: %w", i.release, module.Errorf(kind, "GET %s: %w", i.manifest.Health.Path, err))
	}
	return nil
}

// reasonIn is what the module says to its answer, in one bounded line; the words are a
// stranger's.
func reasonIn(trailer metadata.MD) string {
	given := trailer.Get(wire.ReasonHeader)
	if len(given) == 0 || given[0] == "" {
		return ""
	}
	reason := given[0]
	return fmt.Sprintf(": %q", reason[:min(len(reason), wire.MaxReason)])
}

// get fetches path from the module. It follows no redirect and keeps no connection.
func (i *Instance) get(ctx context.Context, path string) error {
	transport := &http.Transport{
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxProbeBody,
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return i.Dial(ctx) },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+i.release.Module+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "segue-probe")
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxProbeBody)); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the module answers %s", resp.Status)
	}
	return nil
}
