package conformance_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy"
)

func TestConnectionsToModulesAreNoMoreThanThereMayBe(t *testing.T) {
	release := make(chan struct{})
	m := newModule(t, "1.0.0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-release
		_, _ = io.WriteString(w, "hi")
	}))
	h := newHouse(t, proxy.Config{Links: proxy.NewLinks(2)}, stable(t, m.Release))
	var waiting []io.Reader
	for range 2 {
		conn, r := h.raw()
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		waiting = append(waiting, r)
	}
	waitFor(t, "both are at the module", func() bool { return m.open.Load() == 2 })
	res, body := h.get("/")
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(body, "out of resources") {
		t.Errorf("%s %v %s", res.Status, res.Header, body)
	}
	if o := m.outcome(t); o.Class != proxy.ClassHost {
		t.Errorf("outcome %+v", o)
	}
	close(release)
	for _, r := range waiting {
		if _, err := io.ReadFull(r, make([]byte, len("HTTP/1.1 200 OK"))); err != nil {
			t.Error(err)
		}
	}
	for range 3 {
		if res, _ := h.get("/"); res.StatusCode != http.StatusOK {
			t.Errorf("when they have ended: %s", res.Status)
		}
	}
	waitFor(t, "one is kept", func() bool { return m.open.Load() == 1 })
}
