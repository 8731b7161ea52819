package instance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/segue-run/segue/runtime/module"
)

// settle is how long a process whose connection broke gets to end by itself, so
// that its own exit is told and not our SIGKILL.
const settle = 200 * time.Millisecond

// giveUp ends an instance whose start failed and says why, as well as it can be
// known.
func (i *Instance) giveUp(ctx, bounded context.Context, failed *step) error {
	if code := status.Code(failed.err); code == codes.Unavailable || code == codes.Canceled {
		select {
		case <-i.proc.gone:
		case <-bounded.Done():
		case <-time.After(settle):
		}
	}
	lack := i.control.lacked()
	i.abandon()
	i.awaitRelease(reapPatience + 2*afterExit)

	e := &module.Error{Kind: module.Invalid}
	var told *module.Error
	exited := i.ended() && !i.exit.Requested
	switch {
	case ctx.Err() != nil:
		e.Kind, e.Err = module.Unavailable, context.Cause(ctx)
		if errors.Is(e.Err, context.DeadlineExceeded) {
			e.Kind = module.Timeout
		}
	case exited && i.exit.launchFailure() != "":
		e.Kind, e.Msg = module.Internal, i.exit.launchFailure()
	case exited && i.proc.id() == 0:
		e.Kind, e.Err = module.Internal, failed.err
	case exited:
		what, why := i.exit.words()
		if e.Msg = what + " " + failed.when; why != "" {
			e.Msg += ": " + why
		} else {
			e.Msg += i.lastWords()
		}
	case lack != nil:
		*e = *lack
	case bounded.Err() != nil:
		e.Kind = module.Timeout
		e.Msg = fmt.Sprintf("did not %s within %s%s", failed.goal, i.starter.cfg.StartTimeout, i.lastWords())
	case errors.As(failed.err, &told):
		*e = *told
	case status.Code(failed.err) == codes.DeadlineExceeded:
		e.Kind = module.Timeout
		// The module's own clock, or the call's, was first.
		e.Msg = fmt.Sprintf("did not %s within %s%s", failed.goal, cmp.Or(failed.limit, i.starter.cfg.StartTimeout), i.lastWords())
	default:
		e.Msg = fmt.Sprintf("could not %s: %s", failed.goal, plain(failed.err))
		if len(i.words.lastLines()) > 0 {
			e.Msg += i.lastWords()
		}
	}
	return fmt.Errorf("start %s: %w", i.release, e)
}

// ended reports whether the exit is known.
func (i *Instance) ended() bool {
	select {
	case <-i.done:
		return true
	default:
		return false
	}
}

// lastWords is the end of what the module wrote, to follow a sentence.
func (i *Instance) lastWords() string {
	lines := i.words.lastLines()
	if len(lines) == 0 {
		return "; it wrote nothing"
	}
	const few = 5
	lines = lines[max(0, len(lines)-few):]
	return "; the last it wrote: " + strings.Join(lines, " ⏎ ")
}

// plain is an error's text in one line, without gRPC's preamble.
func plain(err error) string {
	text := err.Error()
	if s, ok := status.FromError(err); ok {
		text = s.Message()
	}
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }), " ")
}
