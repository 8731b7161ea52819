package instance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/wire/modulev1"
)

// StopResult is how a Stop went.
type StopResult struct {
	Killed bool          // the grace was over, or ctx ended, and the process was killed
	Took   time.Duration // until the process had ended
}

// Drain tells the module that no new request will come. It blocks for at most the
// call timeout. A module that does not answer can still be stopped.
func (i *Instance) Drain(ctx context.Context) error {
	ctx, cancel := i.starter.withCallTimeout(ctx)
	defer cancel()
	_, err := i.calls.Drain(ctx, &modulev1.DrainRequest{})
	return i.callFailed("drain", err)
}

// Stop asks the module to finish and exit, and kills its process group when the
// grace is over or ctx ends; a grace of zero means the instance's own. It blocks
// for at most the grace and a second, whatever the module does, and returns when
// nothing is left of the instance. Stopping what has ended does nothing.
func (i *Instance) Stop(ctx context.Context, grace time.Duration) StopResult {
	begin := time.Now()
	if grace <= 0 {
		grace = i.grace
	}
	select {
	case <-i.proc.gone:
		i.awaitRelease(reapPatience)
		return StopResult{Took: time.Since(begin)}
	default:
	}
	i.requested.Store(true)
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		i.askToStop(ctx, grace)
	}()
	defer func() {
		cancel()
		<-asked
	}()
	var result StopResult
	select {
	case <-i.proc.gone:
	case <-ctx.Done():
		result.Killed = true
		i.proc.kill()
		select {
		case <-i.proc.gone:
		case <-time.After(reapPatience):
		}
	}
	result.Took = time.Since(begin)
	i.awaitRelease(reapPatience)
	return result
}

// askToStop sends the request. Its answer does not matter: what counts is the end
// of the process, which ends the call too.
func (i *Instance) askToStop(ctx context.Context, grace time.Duration) {
	ctx, cancel := i.starter.withCallTimeout(ctx)
	defer cancel()
	_, _ = i.calls.Stop(ctx, &modulev1.StopRequest{GraceMs: uint32(min(grace.Milliseconds(), 1<<31))})
}

// callFailed is the error of a control call in the operator's words.
func (i *Instance) callFailed(verb string, err error) error {
	if err == nil {
		return nil
	}
	e := &module.Error{Kind: module.Internal, Msg: plain(err)}
	switch {
	case errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded:
		e.Kind, e.Msg = module.Timeout, "no answer within the deadline"
	case status.Code(err) == codes.Unavailable:
		e.Kind = module.Unavailable
	}
	return fmt.Errorf("%s %s: %w", verb, i.release, e)
}
