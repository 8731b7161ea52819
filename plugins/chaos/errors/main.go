// Command errors is a release of hello that answers every request with 500, while
// its probes pass.
package main

import (
	_ "embed"
	"net/http"

	"github.com/segue-run/segue/plugins/chaos/internal/hello"
	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	m := hello.Module(manifest)
	m.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this release answers nothing else", http.StatusInternalServerError)
	})
	sdk.Serve(m)
}
