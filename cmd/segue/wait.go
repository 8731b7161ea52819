package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/module"
)

// lookEvery is how often a rollout is looked at beside its events, so that its end
// is seen even where the event of it was lost.
const lookEvery = time.Second

// startAndWait begins the rollout and shows it to its end.
func (d deployment) startAndWait(ctx context.Context, path string, in api.DeployInput) error {
	// What comes after this event is of this deploy or later.
	newest, err := d.client.Events(ctx, module.EventFilter{Limit: 1})
	if err != nil {
		return err
	}
	var after uint64
	if len(newest) > 0 {
		after = newest[0].Seq
	}
	a, err := d.offer(ctx, path, in)
	if err != nil {
		return err
	}
	if a.serves || a.rollout.Over() {
		return d.tellEnd(a)
	}
	d.tellBegun(a)
	if isQueued(&a.rollout) {
		a.rollout, err = d.untilTurn(ctx, a.rollout)
	}
	if err == nil && !a.rollout.Over() {
		a.rollout, err = d.watch(ctx, a.rollout, after)
	}
	if err != nil {
		return d.unfinished(ctx, a.rollout, err)
	}
	return d.tellEnd(a)
}

// unfinished says why a rollout was not watched to its end.
func (d deployment) unfinished(ctx context.Context, status module.RolloutStatus, err error) error {
	if ctx.Err() != nil {
		// Whether the runtime is there must be asked without what has just ended.
		ask, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookEvery)
		defer cancel()
		if _, gone := d.client.Info(ask); errors.Is(gone, client.ErrUnreachable) {
			err = gone
		}
	}
	still := release(status) + " is still on its way: " + where(&status)
	goesOn := "the rollout goes on; follow it with `segue events -f --module " + status.Module + "`"
	switch {
	case errors.Is(err, client.ErrUnreachable):
		return &failure{exitUnreachable, module.Unavailable,
			"the runtime went away while " + had(status) + "; it finishes or takes it back when it starts again", ""}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{exitPending, module.Timeout, still, goesOn}
	case errors.Is(err, context.Canceled):
		return &failure{exitInterrupted, interrupted, "interrupted; " + still, goesOn}
	}
	return err
}

// had says how much traffic the candidate got, "hello@1.1.0 had 1%".
func had(status module.RolloutStatus) string {
	if status.Step < 1 || status.Step > len(status.Steps) {
		return release(status) + " had no traffic yet"
	}
	return release(status) + " had " + status.Steps[status.Step-1].String()
}

// tellEnd prints what became of the release.
func (d deployment) tellEnd(a answer) error {
	done := a.serves || succeeded(&a.rollout)
	switch {
	case wantsJSON(d.cmd) && a.serves && a.rollout.ID == "":
		return printJSON(d.cmd, accepted{Module: a.rollout.Module, Action: "deploy", Outcome: "unchanged"})
	case wantsJSON(d.cmd):
		if err := printJSON(d.cmd, a.rollout); err != nil {
			return err
		}
	case a.serves:
		d.say("%s serves already", release(a.rollout))
	default:
		d.say("%s %s", release(a.rollout), printable(end(&a.rollout)))
		d.tellTrial(&a.rollout)
	}
	if !done {
		return errTold
	}
	return nil
}

// say prints a line of progress, for people alone.
func (d deployment) say(format string, args ...any) {
	if !wantsJSON(d.cmd) {
		fmt.Fprintf(d.cmd.OutOrStdout(), format+"\n", args...)
	}
}

// observed is an event, or why there are no more.
type observed struct {
	event module.Event
	err   error
}

// watch shows the rollout's events until it is over, and gives its last status. It
// ends with ctx's error.
func (d deployment) watch(ctx context.Context, status module.RolloutStatus, after uint64) (module.RolloutStatus, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := make(chan observed)
	var follower sync.WaitGroup
	follower.Go(func() { d.follow(ctx, status.Module, after, events) })
	defer follower.Wait()
	defer cancel()

	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return status, ctx.Err()
		case <-look.C:
			// A runtime that is away for a moment is the follower's to judge.
			if now, ok := d.current(ctx, status); ok {
				if status = now; status.Over() {
					return status, nil
				}
			}
		case next := <-events:
			if next.err != nil {
				return status, next.err
			}
			if next.event.Rollout != status.ID {
				continue
			}
			if now, ok := d.current(ctx, status); ok {
				status = now
			}
			if phase, ends := endOf[next.event.Type]; ends {
				return ended(status, phase, next.event), nil
			}
			d.say("%s  %s%s", next.event.Time.Local().Format("15:04:05"), printable(eventText(next.event)), seen(status))
		}
	}
}

// follow sends the module's events until ctx ends or they do.
func (d deployment) follow(ctx context.Context, name string, after uint64, to chan<- observed) {
	for event, err := range d.client.Follow(ctx, module.EventFilter{Module: name, After: after}) {
		select {
		case to <- observed{event, err}:
		case <-ctx.Done():
			return
		}
	}
}

// ended is the status after the event that ends the rollout, whether the runtime
// shows it so already or has another rollout by now.
func ended(status module.RolloutStatus, phase string, event module.Event) module.RolloutStatus {
	if !status.Over() {
		status.Phase, status.Reason, status.Ended = phase, event.Reason, event.Time
	}
	return status
}

// seen is what the candidate answered in its step; empty before it answered any.
func seen(status module.RolloutStatus) string {
	sample := status.CandidateSample
	if sample.Requests == 0 {
		return ""
	}
	return "  [" + traffic(sample.Requests, sample.Errors) + "]"
}

// endOf says how a rollout is after the event that ends it.
var endOf = map[module.EventType]string{
	module.RolloutPromoted:   "promoted",
	module.RolloutRolledBack: "rolled-back",
	module.RolloutFailed:     "failed",
	module.RolloutAborted:    "aborted",
}

// current is the rollout as the runtime sees it now; false where it cannot be asked
// or has another rollout by now.
func (d deployment) current(ctx context.Context, status module.RolloutStatus) (module.RolloutStatus, bool) {
	m, err := d.client.Module(ctx, status.Module)
	if err != nil || m.Rollout == nil || m.Rollout.ID != status.ID {
		return status, false
	}
	return *m.Rollout, true
}
