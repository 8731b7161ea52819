package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/module"
)

const (
	firstPause = 50 * time.Millisecond // before the first try to resume
	maxPause   = 2 * time.Second
	maxLine    = 1 << 20 // of an event stream
)

// Events is the history that filter selects, oldest first.
func (c *Client) Events(ctx context.Context, filter module.EventFilter) ([]module.Event, error) {
	list, err := get[api.EventList](ctx, c, "/v1/events", eventQuery(filter))
	return list.Events, err
}

// Follow yields the history that filter selects and then what happens, until ctx
// ends (which is no error) or the consumer stops. Where the stream breaks it is
// taken up again after the last event seen, so that none is missed and none comes
// twice; a runtime that stays away for Config.ResumeFor is an error. An error is
// the last thing it yields.
func (c *Client) Follow(ctx context.Context, filter module.EventFilter) iter.Seq2[module.Event, error] {
	return func(yield func(module.Event, error) bool) {
		f := follower{client: c, filter: filter, yield: yield}
		if err := f.run(ctx); err != nil && ctx.Err() == nil {
			yield(module.Event{}, err)
		}
	}
}

// follower is one iteration of Follow over as many streams as it takes.
type follower struct {
	client *Client
	filter module.EventFilter
	yield  func(module.Event, error) bool
	// seen is set once a stream was open: from then on a break is resumed.
	seen bool
	// alive is set when the stream brought an event or a heartbeat.
	alive bool
	// gone is set from when the runtime cannot be reached until it can again.
	gone bool
}

// errStopped says that the consumer has had enough.
var errStopped = errors.New("stopped")

func (f *follower) run(ctx context.Context) error {
	pause, since := firstPause, time.Time{}
	for {
		f.alive = false
		err := f.stream(ctx)
		var lasting *lastingError
		switch {
		case errors.Is(err, errStopped) || ctx.Err() != nil:
			return nil
		case errors.As(err, &lasting):
			return lasting.error
		case !f.seen:
			return err
		}
		if errors.Is(err, ErrUnreachable) {
			f.link(false)
		}
		if f.alive {
			pause, since = firstPause, time.Time{}
		}
		if since.IsZero() {
			since = time.Now()
		}
		if time.Since(since) > f.client.cfg.ResumeFor {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

// link tells Config.OnLink of a change.
func (f *follower) link(up bool) {
	if f.gone == !up {
		return
	}
	f.gone = !up
	if tell := f.client.cfg.OnLink; tell != nil {
		tell(up)
	}
}

// lastingError is one that trying again does not mend.
type lastingError struct{ error }

func (e *lastingError) Unwrap() error { return e.error }

// stream opens one stream and yields its events until it breaks.
func (f *follower) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := f.client.request(ctx, http.MethodGet, "/v1/events", eventQuery(f.filter), nil)
	if err != nil {
		return &lastingError{err}
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := f.client.send(req)
	if err != nil {
		switch module.KindOf(err) {
		case module.Unavailable, module.Quota:
			return err
		}
		return &lastingError{err}
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		return &lastingError{f.client.notSegue(fmt.Errorf("%s answered %q", req.URL.Path, got))}
	}
	f.seen = true
	f.link(true)
	return f.read(ctx, resp.Body)
}

// read parses server-sent events: "event:" and "data:" lines, ended by an empty
// one. The id is the event's own seq.
func (f *follower) read(ctx context.Context, body io.Reader) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLine)
	var name, data string
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, ":"):
			f.alive = true
		case line == "" && data != "":
			if err := f.dispatch(name, data); err != nil {
				return err
			}
			name, data = "", ""
		case strings.HasPrefix(line, "event: "):
			name = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			data = line[len("data: "):]
		}
	}
	err := lines.Err()
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return f.client.broken(ctx, err)
}

func (f *follower) dispatch(name, data string) error {
	if name == "error" {
		var problem api.Problem
		if err := json.Unmarshal([]byte(data), &problem); err != nil {
			return &lastingError{f.client.notSegue(err)}
		}
		return &lastingError{problem.Err()}
	}
	var event module.Event
	if err := json.Unmarshal([]byte(data), &event); err != nil {
		return &lastingError{f.client.notSegue(err)}
	}
	f.alive = true
	f.filter.After = max(f.filter.After, event.Seq)
	if !f.yield(event, nil) {
		return errStopped
	}
	return nil
}

func eventQuery(filter module.EventFilter) url.Values {
	query := url.Values{}
	if filter.Module != "" {
		query.Set("module", filter.Module)
	}
	if filter.After != 0 {
		query.Set("after", strconv.FormatUint(filter.After, 10))
	}
	if filter.Limit != 0 {
		query.Set("limit", strconv.Itoa(filter.Limit))
	}
	return query
}
