// Command stall is a release of hello that never answers a request, while its probes
// pass. It lets go of a request when the client does.
package main

import (
	_ "embed"
	"io"
	"net/http"

	"github.com/segue-run/segue/plugins/chaos/internal/hello"
	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	m := hello.Module(manifest)
	m.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		// Only after the body does the server see that a client is gone.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	sdk.Serve(m)
}
