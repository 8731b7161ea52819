package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// events answers the history, or follows it for a client that accepts
// text/event-stream.
func (s *Server) events(c *call) error {
	filter, err := eventFilter(c.r.URL.Query(), c.r.Header.Get("Last-Event-ID"))
	if err != nil {
		return err
	}
	if c.r.Method == http.MethodGet && strings.Contains(c.r.Header.Get("Accept"), "text/event-stream") {
		return s.follow(c, filter)
	}
	leave, err := c.enterHistory()
	if err != nil {
		return err
	}
	defer leave()
	events, err := s.cfg.Runtime.History(c.r.Context(), filter)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, EventList{Events: orEmpty(events)})
}

// eventFilter reads module, after and limit; lastID is what a stream that resumes
// has seen and goes over after.
func eventFilter(query url.Values, lastID string) (module.EventFilter, error) {
	if err := knownParams(query, "module", "after", "limit"); err != nil {
		return module.EventFilter{}, err
	}
	filter := module.EventFilter{Module: query.Get("module")}
	field, after := "after", query.Get("after")
	if lastID != "" {
		field, after = "Last-Event-ID", lastID
	}
	var err error
	if after != "" {
		if filter.After, err = strconv.ParseUint(after, 10, 64); err != nil {
			return filter, &module.Error{Kind: module.Invalid, Field: field, Value: after, Msg: "not an event's number", Hint: "use the seq of the last event that was seen"}
		}
	}
	filter.Limit, err = limitOf(query)
	return filter, err
}

// followed is one step of the runtime's sequence.
type followed struct {
	event module.Event
	err   error
}

// follow streams events until the client, the runtime or the server ends it.
func (s *Server) follow(c *call, filter module.EventFilter) error {
	select {
	case c.side.followers <- struct{}{}:
		defer func() { <-c.side.followers }()
	default:
		return &module.Error{Kind: module.Quota, Msg: fmt.Sprintf("%d event streams are open already", cap(c.side.followers)), Hint: "close one, or read the history without following it"}
	}
	ctx, cancel := context.WithCancel(c.r.Context())
	steps := make(chan followed)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(steps)
		for event, err := range s.cfg.Runtime.Follow(ctx, filter) {
			select {
			case steps <- followed{event, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	})
	defer reader.Wait()
	defer cancel()

	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.WriteHeader(http.StatusOK)
	out := &eventStream{c: c}
	beat := time.NewTicker(s.cfg.Heartbeat)
	defer beat.Stop()
	out.write("retry: 1000\n\n")
	for out.err == nil {
		select {
		case step, open := <-steps:
			if !open {
				return nil
			}
			out.step(step)
		case <-beat.C:
			out.write(": alive\n\n")
		case <-s.stopping:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	return nil // the client is gone
}

// eventStream writes server-sent events; after its first error it writes no more.
type eventStream struct {
	c   *call
	err error
}

func (o *eventStream) step(step followed) {
	if step.err != nil {
		o.data("event: error\n", problemOf(step.err))
		return
	}
	id := ""
	if step.event.Seq != 0 { // one that was not stored is nothing to go on after
		id = fmt.Sprintf("id: %d\n", step.event.Seq)
	}
	o.data(id, step.event)
}

func (o *eventStream) data(head string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		o.err = err
		return
	}
	o.write(fmt.Sprintf("%sdata: %s\n\n", head, body))
}

func (o *eventStream) write(text string) {
	if o.err != nil {
		return
	}
	// A client that reads nothing for this long is let go.
	o.c.extendDeadline()
	if _, o.err = io.WriteString(o.c.w, text); o.err == nil {
		o.err = http.NewResponseController(o.c.w).Flush()
	}
}
