// Command errors is a release of hello that answers every request with 500, while
// its probes pass. Under a version that ends with a number, such as 2.0.0-errors.5,
// it does so with so many of a hundred requests, as chance has it, and 2.0.0-flaky is
// short for 2.0.0-flaky.10.
package main

import (
	_ "embed"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"

	"github.com/segue-run/segue/plugins/chaos/internal/hello"
	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	m := hello.Module(manifest)
	well, percent := m.Handler, share(sdk.MustParse(manifest).Version)
	m.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rand.IntN(100) < percent {
			http.Error(w, "this release fails", http.StatusInternalServerError)
			return
		}
		well.ServeHTTP(w, r)
	})
	sdk.Serve(m)
}

// share is how many of a hundred requests fail.
func share(version string) int {
	_, kind, _ := strings.Cut(version, "-")
	if kind == "flaky" {
		return 10
	}
	_, number, _ := strings.Cut(kind, ".")
	if n, err := strconv.Atoi(number); err == nil {
		return n
	}
	return 100
}
