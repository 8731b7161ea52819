// Command hello is the smallest useful module: an http.Handler and a manifest.
package main

import (
	_ "embed"
	"fmt"
	"io"
	"net/http"

	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	self := sdk.MustParse(manifest)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "Hello from %s %s.\n", self.Name, self.Version)
	})
	mux.HandleFunc("GET /hello/version", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"module":%q,"version":%q}`+"\n", self.Name, self.Version)
	})
	mux.HandleFunc("POST /hello/echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Write(body)
	})
	sdk.Serve(sdk.Module{Manifest: manifest, Handler: mux})
}
