// Command slow is a release of hello that takes 300 ms more for each request.
package main

import (
	_ "embed"
	"net/http"
	"time"

	"github.com/segue-run/segue/plugins/chaos/internal/hello"
	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	m := hello.Module(manifest)
	well := m.Handler
	m.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(300 * time.Millisecond):
			well.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
	sdk.Serve(m)
}
