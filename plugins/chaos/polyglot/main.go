// Command polyglot is a release of hello that speaks every protocol that a module may:
// WebSocket, server-sent events, gRPC, early hints, trailers, and bodies of any length.
package main

import (
	"crypto/rand"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/segue-run/segue/plugins/chaos/internal/hello"
	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	m := hello.Module(manifest)
	mux := http.NewServeMux()
	mux.Handle("/", m.Handler)
	mux.HandleFunc("GET /hello/ws", talk)
	mux.HandleFunc("GET /hello/events", tell)
	mux.HandleFunc("GET /hello/hints", hint)
	mux.HandleFunc("POST /hello/trailers", trail)
	mux.HandleFunc("GET /hello/source", pour)
	mux.HandleFunc("/hello/sink", swallow)
	mux.HandleFunc("/hello/small", swallow)
	mux.HandleFunc("/hello/slow", wait)
	mux.HandleFunc("/hello/single", wait)
	mux.HandleFunc("/hello/rare", wait)
	mux.HandleFunc("/hello/hasty", wait)
	self := rand.Text() // of this process alone; its pid may be another's as well
	mux.HandleFunc("GET /hello/self", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, self) })
	mux.HandleFunc("/hello/broken", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { _ = r.Header.Write(w) }) // stripped
	mux.Handle("POST /grpc.testing.TestService/", calls())
	m.Handler = mux
	sdk.Serve(m)
}

// tell ticks for ever; each event comes in two pieces, so that an end between them would
// be seen. With ?once there is one event, and then silence.
func tell(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for n := 1; ; n++ {
		fmt.Fprintf(w, "id: %d\n", n)
		_ = out.Flush()
		if !pause(r, 10*time.Millisecond) {
			return
		}
		fmt.Fprintf(w, "data: tick %d\n\n", n)
		_ = out.Flush()
		if r.URL.Query().Has("once") {
			<-r.Context().Done()
			return
		}
		if !pause(r, 10*time.Millisecond) {
			return
		}
	}
}

func pause(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

func hint(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Link", "</style.css>; rel=preload; as=style")
	w.WriteHeader(http.StatusEarlyHints)
	fmt.Fprintln(w, "a page")
}

// trail gives back the body, and in its trailers the length and the client's own.
func trail(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", "X-Length")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = w.Write(body)
	w.Header().Set("X-Length", strconv.Itoa(len(body)))
	for name, values := range r.Trailer {
		w.Header()[http.TrailerPrefix+name] = values
	}
}

// pour answers with as many bytes as asked for.
func pour(w http.ResponseWriter, r *http.Request) {
	left, err := strconv.ParseInt(r.URL.Query().Get("bytes"), 10, 64)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Length", strconv.FormatInt(left, 10))
	for piece := make([]byte, 256<<10); left > 0; {
		n, err := w.Write(piece[:min(left, int64(len(piece)))])
		if err != nil {
			return
		}
		left -= int64(n)
	}
}

// swallow answers with the length of the body.
func swallow(w http.ResponseWriter, r *http.Request) {
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, make([]byte, 256<<10))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprint(w, n)
}

// wait answers after ?for; at once without.
func wait(w http.ResponseWriter, r *http.Request) {
	d, _ := time.ParseDuration(r.URL.Query().Get("for"))
	if pause(r, d) {
		fmt.Fprintf(w, "after %s\n", d)
	}
}
