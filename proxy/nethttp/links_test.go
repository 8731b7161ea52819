package nethttp_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
)

// open is how many connections the module has.
func (m *module) open() int {
	_, open := m.connections()
	return open
}

func TestConnectionsToAModuleAreKeptForTheNextRequestAndNotForEver(t *testing.T) {
	release := make(chan struct{})
	m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			<-release
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "hello")
	})
	h := newHouse(t, proxy.Config{MaxIdle: 2, KeepIdle: 300 * time.Millisecond}, false, m)
	c := h.client()
	for range 5 {
		if _, body := h.get(c, "/"); body != "hello" {
			t.Errorf("got %q", body)
		}
	}
	if opened, open := m.connections(); opened != 1 || open != 1 {
		t.Errorf("%d connections, %d of them open", opened, open)
	}
	done := make(chan struct{})
	for range 4 {
		go func() {
			h.get(c, "/wait")
			done <- struct{}{}
		}()
	}
	until(t, "each request has its own", func() bool { return m.open() == 4 })
	close(release)
	for range 4 {
		receive(t, done)
	}
	until(t, "two are kept", func() bool { return m.open() == 2 })
	until(t, "none is kept for ever", func() bool { return m.open() == 0 })
	h.get(c, "/")
	for _, f := range m.retire {
		f()
	}
	until(t, "a target that retires has none", func() bool { return m.open() == 0 })
}

func TestAConnectionWhoseAnswerBrokeOffIsNotKept(t *testing.T) {
	m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	m.route.Timeouts.Idle = 20 * time.Millisecond
	h := newHouse(t, proxy.Config{}, false, m)
	res, err := h.client().Do(h.request("GET", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("a whole answer")
	}
	res.Body.Close()
	until(t, "it is closed", func() bool { return m.open() == 0 })
}
