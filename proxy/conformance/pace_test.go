package conformance_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
)

// unread takes nothing of a body until release is closed.
func unread(release <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		<-release
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

func TestAModuleThatStopsToTakeABodyIsTimedOut(t *testing.T) {
	release := make(chan struct{})
	m := newModule(t, "1", unread(release))
	h := newHouse(t, proxy.Config{Timeouts: proxy.Timeouts{Answer: 300 * time.Millisecond}}, stable(t, m.Release))
	defer close(release)
	req, _ := http.NewRequest("POST", h.url("/"), bytes.NewReader(pattern(4<<20)))
	if got := receive(t, h.send(req)); got.err == nil && got.status != 504 { // who still sends may not hear it
		t.Errorf("%+v", got)
	}
	if o := m.outcome(t); o.Class != proxy.ClassTimeout || o.Reached {
		t.Errorf("outcome %+v", o)
	}
}

func TestABodyThatACandidateDoesNotTakeIsStables(t *testing.T) {
	release := make(chan struct{})
	long := everywhere
	long.Keep = 8 << 20
	h, _, _, candidate := shielded(t, proxy.Config{Timeouts: proxy.Timeouts{Answer: 3 * time.Second}}, long, unread(release))
	defer close(release)
	sent := pattern(4 << 20)
	req, _ := http.NewRequest("POST", h.url("/"), bytes.NewReader(sent))
	if got := receive(t, h.send(req)); got.err != nil || got.status != 200 || got.body != string(sent) {
		t.Errorf("%d with %d bytes, %v", got.status, len(got.body), got.err)
	}
	if o := candidate.outcome(t); o.Class != proxy.ClassTimeout {
		t.Errorf("outcome %+v", o)
	}
	givenBack(t, h)
}

func TestATimeThatTheClientTakesIsNotTheModules(t *testing.T) {
	m := newModule(t, "1", http.HandlerFunc(echo))
	h := newHouse(t, proxy.Config{Timeouts: proxy.Timeouts{Answer: time.Second}}, stable(t, m.Release))
	client, body := io.Pipe()
	req, _ := http.NewRequest("POST", h.url("/"), client)
	done := h.send(req)
	for range 2 {
		io.WriteString(body, "part ")
		time.Sleep(1200 * time.Millisecond)
	}
	body.Close()
	if got := receive(t, done); got.status != 200 || got.body != "part part " {
		t.Errorf("%+v", got)
	}
}

func TestAModuleThatTakesABodySlowlyIsNotTimedOut(t *testing.T) {
	m := newModule(t, "1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 256<<10)
		for {
			time.Sleep(150 * time.Millisecond)
			if _, err := io.ReadFull(r.Body, buf); err != nil {
				return
			}
		}
	}))
	h := newHouse(t, proxy.Config{Timeouts: proxy.Timeouts{Answer: 2 * time.Second}}, stable(t, m.Release))
	req, _ := http.NewRequest("POST", h.url("/"), bytes.NewReader(pattern(4<<20)))
	if got := receive(t, h.send(req)); got.err != nil || got.status != 200 {
		t.Errorf("%+v", got)
	}
	if o := m.outcome(t); o.Class != proxy.ClassOK || o.BytesIn != 4<<20 {
		t.Errorf("outcome %+v", o)
	}
}
