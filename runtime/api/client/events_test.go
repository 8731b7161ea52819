package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/module"
)

func emit(rt *apitest.Runtime, names ...string) {
	for _, name := range names {
		rt.Emit(module.Event{Type: module.RolloutStep, Module: name, Message: "it moved"})
	}
}

func TestEventsAreThoseOfTheFilter(t *testing.T) {
	rt := new(apitest.Runtime)
	emit(rt, "a", "b", "a", "a")
	c := connected(t, rt)
	for want, filter := range map[string]module.EventFilter{
		"[1 2 3 4]": {}, "[1 3 4]": {Module: "a"}, "[3 4]": {Module: "a", After: 1}, "[4]": {Limit: 1}, "[]": {After: 4},
	} {
		events, err := c.Events(t.Context(), filter)
		seqs := []uint64{}
		for _, event := range events {
			seqs = append(seqs, event.Seq)
		}
		if err != nil || fmt.Sprint(seqs) != want {
			t.Errorf("%+v: got %v, %v, want %s", filter, seqs, err, want)
		}
	}
}

func TestFollowYieldsHistoryAndThenWhatHappens(t *testing.T) {
	rt := new(apitest.Runtime)
	emit(rt, "a", "b")
	var seqs []uint64
	for event, err := range connected(t, rt).Follow(t.Context(), module.EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, event.Seq)
		if event.Seq == 2 {
			emit(rt, "c")
		}
		if event.Seq == 3 {
			break
		}
	}
	if fmt.Sprint(seqs) != "[1 2 3]" {
		t.Errorf("got %v", seqs)
	}
}

func TestARestartOfTheRuntimeLosesAndRepeatsNoEvent(t *testing.T) {
	rt := new(apitest.Runtime)
	socket := socketPath(t)
	srv := serve(t, rt, socket, api.Config{})
	emit(rt, "a", "a")
	c := newClient(t, client.Config{Socket: socket})
	var seqs []uint64
	for event, err := range c.Follow(t.Context(), module.EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, event.Seq)
		if len(seqs) == 8 {
			break
		}
		if event.Seq%2 == 0 {
			srv.Stop()
			emit(rt, "a", "a")
			srv = serve(t, rt, socket, api.Config{})
		}
	}
	if fmt.Sprint(seqs) != "[1 2 3 4 5 6 7 8]" {
		t.Errorf("got %v", seqs)
	}
}

func TestARuntimeThatStaysAwayEndsAFollower(t *testing.T) {
	rt := new(apitest.Runtime)
	socket := socketPath(t)
	srv := serve(t, rt, socket, api.Config{})
	emit(rt, "a")
	c := newClient(t, client.Config{Socket: socket, ResumeFor: time.Millisecond})
	var last error
	for _, err := range c.Follow(t.Context(), module.EventFilter{}) {
		last = err
		if err == nil {
			srv.Stop()
		}
	}
	if !errors.Is(last, client.ErrUnreachable) {
		t.Errorf("got %v", last)
	}
}

func TestAFollowerTellsThatTheRuntimeIsGoneAndBack(t *testing.T) {
	rt := new(apitest.Runtime)
	socket := socketPath(t)
	srv := serve(t, rt, socket, api.Config{})
	emit(rt, "a")
	var told []bool
	c := newClient(t, client.Config{Socket: socket, OnLink: func(up bool) {
		told = append(told, up)
		if !up {
			emit(rt, "a")
			serve(t, rt, socket, api.Config{})
		}
	}})
	for event, err := range c.Follow(t.Context(), module.EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Seq == 2 {
			break
		}
		srv.Stop()
	}
	if fmt.Sprint(told) != "[false true]" {
		t.Errorf("told %v", told)
	}
}

func TestAFailureOfTheRuntimeEndsAFollower(t *testing.T) {
	rt := &apitest.Runtime{FollowErr: &module.Error{Kind: module.Internal, Msg: "the store is broken", Hint: "look"}}
	emit(rt, "a")
	var seqs []uint64
	var last error
	for event, err := range connected(t, rt).Follow(t.Context(), module.EventFilter{}) {
		if err != nil {
			last = err
			continue
		}
		seqs = append(seqs, event.Seq)
	}
	if got, ok := errors.AsType[*module.Error](last); !ok || got.Msg != "the store is broken" || got.Hint != "look" || fmt.Sprint(seqs) != "[1]" {
		t.Errorf("got %v after %v", last, seqs)
	}
}

func TestAFollowerThatIsCancelledEndsWithoutAnError(t *testing.T) {
	rt := new(apitest.Runtime)
	emit(rt, "a")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, err := range connected(t, rt).Follow(ctx, module.EventFilter{}) {
		if err != nil {
			t.Errorf("got %v", err)
		}
		cancel()
	}
}
