package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
)

// still is a module of answers that stand still.
func still(w http.ResponseWriter, r *http.Request) {
	begin := func(contentType, part string) {
		w.Header().Set("Content-Type", contentType)
		io.WriteString(w, part)
		http.NewResponseController(w).Flush()
	}
	switch r.URL.Path {
	case "/tunnel":
		upgrading(w, r)
		return
	case "/between":
		begin("text/event-stream", "data: 1\n\n")
	case "/within":
		begin("text/event-stream", "data: 1\n\nda")
	case "/short":
		begin("text/plain", "part")
	}
	<-r.Context().Done()
}

func TestALongAnswerThatStandsStillIsNobodysFailure(t *testing.T) {
	m := newModule(t, "1.0.0", http.HandlerFunc(still))
	h := newHouse(t, proxy.Config{LongIdle: 300 * time.Millisecond, Timeouts: proxy.Timeouts{Idle: 500 * time.Millisecond}}, stable(t, m.Release))
	for _, c := range []struct {
		path  string
		class proxy.Class
		whole bool
	}{
		{"/between", proxy.ClassDrained, true},
		{"/within", proxy.ClassDrained, false},
		{"/tunnel", proxy.ClassDrained, false},
		{"/short", proxy.ClassTimeout, false},
	} {
		conn, r := h.raw()
		request := "GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
		if c.path == "/tunnel" {
			request = upgradeRequest
		}
		fmt.Fprintf(conn, request, c.path)
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); c.path != "/tunnel" && (err == nil) != c.whole {
			t.Errorf("%s: got %q, %v", c.path, body, err)
		}
		if o := m.outcome(t); o.Class != c.class || !errors.Is(o.Err, proxy.ErrTimeout) || !o.Reached {
			t.Errorf("%s: outcome %+v", c.path, o)
		}
	}
}
