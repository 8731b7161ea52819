package sdk

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/segue-run/segue/sdk/wire"
)

// health answers probes with the module's hook.
type health struct {
	hook func(context.Context) error // may be nil
	busy atomic.Bool                 // a hook is running
	sick atomic.Bool                 // the last answer was NOT_SERVING
}

var errBusy = errors.New("the health check before has not returned yet")

// check calls the hook and returns when it does or when ctx ends. A hook that
// ignores ctx keeps its goroutine; none is started beside it.
func (h *health) check(ctx context.Context) error {
	if h.hook == nil {
		return nil
	}
	if !h.busy.CompareAndSwap(false, true) {
		return errBusy
	}
	done := make(chan error, 1)
	go func() {
		defer h.busy.Store(false)
		done <- call(ctx, "Health", h.hook)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// probe is one answer to the runtime. Only a change is logged.
func (h *health) probe(ctx context.Context, serving bool) *healthpb.HealthCheckResponse {
	err := errors.New("the module has not started")
	if serving {
		err = h.check(ctx)
		if sick := err != nil; h.sick.Swap(sick) != sick {
			if sick {
				Logger().Warn("the module is not well", "reason", err.Error())
			} else {
				Logger().Info("the module is well again")
			}
		}
	}
	if err == nil {
		return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}
	}
	reason := err.Error()
	reason = strings.ToValidUTF8(reason[:min(len(reason), wire.MaxReason)], "")
	// It fails only for a call that is over already.
	_ = grpc.SetTrailer(ctx, metadata.Pairs(wire.ReasonHeader, reason))
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_NOT_SERVING}
}
