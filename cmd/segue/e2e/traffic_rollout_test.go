package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// lasting are answers that are under way when a release goes; each gives an error where
// it does not end as its protocol has it.
type lasting map[string]func() error

// begin starts them, each on a connection of its own, and waits until each has begun.
func (s *site) begin(ca *authority) lasting {
	s.t.Helper()
	all := lasting{}
	for _, query := range []string{"", "?chat", "?chat&again"} {
		ws, err := s.dial().websocket(query)
		must(s.t, err)
		all["WebSocket "+query] = ws.toldToGo
	}
	for _, name := range tongues {
		c, base := s.tongue(name, ca)
		resp, err := c.Get(base + "/hello/events")
		must(s.t, err)
		s.t.Cleanup(func() { resp.Body.Close() })
		all["events, "+name] = func() error { return whole(resp) }
	}
	for name, c := range map[string]testgrpc.TestServiceClient{"gRPC in clear text": s.remote(nil), "gRPC over TLS": s.remote(ca)} {
		ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
		s.t.Cleanup(cancel)
		down, err := c.StreamingOutputCall(ctx, new(testgrpc.StreamingOutputCallRequest))
		must(s.t, err)
		all[name+", down"] = func() error { return unavailable(func() error { _, err := down.Recv(); return err }) }
		both, err := c.FullDuplexCall(ctx)
		must(s.t, err)
		must(s.t, both.Send(&testgrpc.StreamingOutputCallRequest{Payload: body(1)}))
		all[name+", both ways"] = func() error { return unavailable(func() error { _, err := both.Recv(); return err }) }
	}
	return all
}

// whole reads events to their end.
func whole(resp *http.Response) error {
	text, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || !strings.HasSuffix(string(text), "\n\n")) {
		err = fmt.Errorf("%s ended with %q", resp.Status, text[max(0, len(text)-40):])
	}
	return err
}

// unavailable receives messages to the end.
func unavailable(receive func() error) error {
	n := 0
	for ; ; n++ {
		err := receive()
		switch {
		case err == nil:
			continue
		case status.Code(err) != codes.Unavailable:
			return err
		case n == 0:
			return errors.New("nothing came before the end")
		}
		return nil
	}
}

// ends waits for them all.
func (l lasting) ends(t *testing.T) {
	t.Helper()
	var waiting sync.WaitGroup
	for name, end := range l {
		waiting.Go(func() {
			if err := end(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	waiting.Wait()
}

func TestTrafficThatLastsIsToldToGoWhenItsReleaseGoes(t *testing.T) {
	for name, rollout := range map[string]string{
		"instant": "rollout: {strategy: instant, hold: 0s}\n",
		"gradual": "rollout: {strategy: gradual, steps: [30%, 100%], hold: 200ms, limit: 300ms, slow_floor: 5s}\n",
	} {
		t.Run(name, func(t *testing.T) {
			s, ca := speaks(t, rollout+"rollback_window: 0s\ndrain_timeout: 300ms\ndrain_long: 1m\n"+withTLS)
			held := s.begin(ca)
			done := make(chan struct{})
			var users sync.WaitGroup
			for _, tongue := range tongues {
				c, base := s.tongue(tongue, ca)
				users.Go(func() { s.reads(c, base, done) })
			}
			s.segue("deploy", chaos("polyglot-next"), "--wait")
			held.ends(t)
			s.awaitStable("3.1.0")
			close(done)
			users.Wait()
			s.begin(ca) // and the next release takes up where the last one ended
		})
	}
}

// reads is a user whose requests must all be answered well, until done.
func (s *site) reads(c *http.Client, base string, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			path := map[string]string{http.MethodGet: "/hello/slow?for=5ms", http.MethodPost: "/hello/echo"}[method]
			req, err := http.NewRequest(method, base+path, strings.NewReader("a body"))
			if err != nil {
				s.t.Error(err)
				return
			}
			resp, err := c.Do(req)
			if err != nil {
				s.t.Errorf("a user saw it: %v", err)
				continue
			}
			if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
				s.t.Errorf("a user saw it: %s %s %q %v", resp.Header.Get("Segue-Release"), resp.Status, text, err)
			}
			resp.Body.Close()
		}
	}
}
