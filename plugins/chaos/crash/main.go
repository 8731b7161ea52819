// Command crash is a release of hello that exits while it answers its third
// request. Probes are no requests.
package main

import (
	_ "embed"
	"net/http"
	"os"
	"sync/atomic"

	"github.com/segue-run/segue/plugins/chaos/internal/hello"
	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	m := hello.Module(manifest)
	well := m.Handler
	var requests atomic.Int64
	m.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 3 {
			sdk.Logger().Error("this release exits at its third request")
			os.Exit(3)
		}
		well.ServeHTTP(w, r)
	})
	sdk.Serve(m)
}
