package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/api"
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
	status, err := d.offer(ctx, path, in)
	if err != nil {
		return err
	}
	if !status.Over() {
		d.say("%s is accepted: %s", release(status), printable(way(&status)))
		status, err = d.watch(ctx, status, after)
		if ctx.Err() != nil {
			return &module.Error{Kind: module.Timeout, Msg: release(status) + " is still on its way: " + outcome(&status),
				Hint: "the rollout goes on; follow it with `segue events -f --module " + status.Module + "`"}
		}
		if err != nil {
			return err
		}
	}
	return d.tellEnd(status)
}

func (d deployment) tellEnd(status module.RolloutStatus) error {
	if wantsJSON(d.cmd) {
		if err := printJSON(d.cmd, status); err != nil {
			return err
		}
	}
	d.say("%s: %s%s", release(status), printable(outcome(&status)), seen(status))
	if !succeeded(&status) {
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
			if now, ok := d.current(ctx, status); ok && now.Over() {
				return now, nil
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
