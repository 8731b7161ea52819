// Command hog is a release of hello that is well and wants memory: GET
// /hello/grow?mib=64 makes it take so much more and keep it, and without mib it takes
// more until it dies.
package main

import (
	_ "embed"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/segue-run/segue/plugins/chaos/internal/hello"
	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	m := hello.Module(manifest)
	var h hoard
	mux := http.NewServeMux()
	mux.Handle("/", m.Handler)
	mux.HandleFunc("GET /hello/grow", func(w http.ResponseWriter, r *http.Request) {
		mib, err := strconv.Atoi(r.FormValue("mib"))
		if err != nil && r.FormValue("mib") != "" {
			http.Error(w, "mib is how many MiB", http.StatusBadRequest)
			return
		}
		for n := 0; n < mib || r.FormValue("mib") == ""; n++ {
			h.grow()
		}
		fmt.Fprintf(w, "%d MiB\n", h.size())
	})
	m.Handler = mux
	sdk.Serve(m)
}

// hoard is memory that is kept.
type hoard struct {
	mu   sync.Mutex
	kept [][]byte
}

// grow takes a MiB, and touches each page of it so that it is resident.
func (h *hoard) grow() {
	b := make([]byte, 1<<20)
	for n := 0; n < len(b); n += 4096 {
		b[n] = 1
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept = append(h.kept, b)
}

// size is how many MiB are kept.
func (h *hoard) size() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.kept)
}
