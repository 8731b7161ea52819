package api_test

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
	"github.com/segue-run/segue/runtime/module"
)

// stream is an open event stream, read line by line.
type stream struct {
	*bufio.Scanner
	resp *http.Response
}

// follow opens a stream over the local socket or TCP; the test's end closes it.
func (s *served) follow(t *testing.T, local bool, query string, header ...string) stream {
	t.Helper()
	client, base := s.public, "http://"+s.Address
	if local {
		client, base = s.local, "http://segue"
	}
	// A deadline keeps a stream that stays silent from hanging the test.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v1/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return stream{bufio.NewScanner(resp.Body), resp}
}

// until reads on to a line with that beginning and gives it.
func (s stream) until(t *testing.T, prefix string) string {
	t.Helper()
	for s.Scan() {
		if strings.HasPrefix(s.Text(), prefix) {
			return s.Text()
		}
	}
	t.Fatalf("the stream ended before %q: %v", prefix, s.Err())
	return ""
}

func emit(rt *apitest.Runtime, messages ...string) {
	for _, message := range messages {
		rt.Emit(module.Event{Type: module.RolloutStep, Module: "hello", Message: message})
	}
}

func TestFollowersGetTheHistoryAndThenWhatHappens(t *testing.T) {
	for _, local := range []bool{true, false} {
		rt := new(apitest.Runtime)
		emit(rt, "one", "two")
		events := serve(t, rt, api.Config{}).follow(t, local, "")
		if got := events.resp.Header.Get("Content-Type"); got != "text/event-stream" {
			t.Errorf("content type %q", got)
		}
		events.until(t, "id: 1")
		if data := events.until(t, "data: "); !strings.Contains(data, `"message":"one"`) {
			t.Errorf("got %s", data)
		}
		events.until(t, "id: 2")
		emit(rt, "three")
		events.until(t, "id: 3")
		if data := events.until(t, "data: "); !strings.Contains(data, `"message":"three"`) {
			t.Errorf("got %s", data)
		}
	}
}

func TestAStreamGoesOnAfterTheLastEventSeen(t *testing.T) {
	rt := new(apitest.Runtime)
	emit(rt, "one", "two", "three")
	s := serve(t, rt, api.Config{})
	for _, events := range []stream{
		s.follow(t, true, "?after=2"),
		s.follow(t, true, "", "Last-Event-ID", "2"),
		s.follow(t, true, "?after=1", "Last-Event-ID", "2"),
	} {
		if id := events.until(t, "id: "); id != "id: 3" {
			t.Errorf("it goes on with %s", id)
		}
	}
}

// unstored is a runtime whose store takes no events.
type unstored struct{ *apitest.Runtime }

func (unstored) Follow(context.Context, module.EventFilter) iter.Seq2[module.Event, error] {
	return func(yield func(module.Event, error) bool) {
		yield(module.Event{Type: module.HostStarted, Message: "lost"}, nil)
	}
}

func TestAnEventThatWasNotStoredIsNoPlaceToGoOnFrom(t *testing.T) {
	s, err := api.New(api.Config{
		Runtime: unstored{new(apitest.Runtime)}, Socket: "x", Metrics: http.NotFoundHandler(),
		Actor: func(*http.Request) (module.Actor, error) { return apitest.Root, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodGet, "/v1/events", nil)
	req.Header.Set("Accept", "text/event-stream")
	w := httptest.NewRecorder()
	s.Local().ServeHTTP(w, req)
	if body := w.Body.String(); !strings.Contains(body, `"message":"lost"`) || strings.Contains(body, "id:") {
		t.Errorf("got %q", body)
	}
}

func TestASilentStreamShowsThatItLives(t *testing.T) {
	events := serve(t, new(apitest.Runtime), api.Config{Heartbeat: time.Millisecond}).follow(t, true, "")
	events.until(t, ": alive")
	events.until(t, ": alive")
}

func TestAFailureEndsAStreamWithAProblem(t *testing.T) {
	rt := &apitest.Runtime{FollowErr: &module.Error{Kind: module.Unavailable, Msg: "the store is away", Hint: "wait"}}
	emit(rt, "one")
	events := serve(t, rt, api.Config{}).follow(t, true, "")
	events.until(t, "id: 1")
	events.until(t, "event: error")
	if data := events.until(t, "data: "); !strings.Contains(data, `"kind":"unavailable"`) || !strings.Contains(data, "the store is away") {
		t.Errorf("got %s", data)
	}
	for events.Scan() {
		if events.Text() != "" {
			t.Errorf("after the error comes %q", events.Text())
		}
	}
}

func TestTooManyFollowersAreRefusedUntilOneLeaves(t *testing.T) {
	rt := new(apitest.Runtime)
	emit(rt, "one")
	s := serve(t, rt, api.Config{MaxFollowers: 1})
	first := s.follow(t, false, "")
	first.until(t, "id: 1")
	if got := s.follow(t, false, "").resp.StatusCode; got != http.StatusTooManyRequests {
		t.Errorf("a second follower over TCP gets %d", got)
	}
	s.follow(t, true, "").until(t, "id: 1") // the operator's side has places of its own
	first.resp.Body.Close()
	for deadline := time.Now().Add(20 * time.Second); s.follow(t, false, "").resp.StatusCode != http.StatusOK; {
		if time.Now().After(deadline) {
			t.Fatal("the place is never free again")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestAServerThatStopsEndsItsStreams(t *testing.T) {
	rt := new(apitest.Runtime)
	emit(rt, "one")
	s := serve(t, rt, api.Config{})
	events := s.follow(t, true, "")
	events.until(t, "id: 1")
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.Stop()
	}()
	for events.Scan() {
		if text := events.Text(); text != "" && !strings.HasPrefix(text, "data: ") {
			t.Errorf("after the stop comes %q", text)
		}
	}
	if err := events.Err(); err != nil {
		t.Errorf("the stream was cut: %v", err)
	}
	<-stopped
}

func TestAListenerThatFailsEndsTheServer(t *testing.T) {
	s, err := api.New(api.Config{
		Runtime: new(apitest.Runtime), Socket: "x", Metrics: http.NotFoundHandler(),
		Actor: func(*http.Request) (module.Actor, error) { return apitest.Root, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	closed, open := listen(t), listen(t)
	closed.Close()
	if err := s.Run(t.Context(), closed, open); err == nil || !strings.Contains(err.Error(), fmt.Sprint(closed.Addr())) {
		t.Errorf("got %v, want an error that names the listener", err)
	}
	if conn, err := open.Accept(); err == nil {
		conn.Close()
		t.Error("the other listener is still open")
	}
}
