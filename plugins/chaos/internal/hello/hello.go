// Package hello is the module hello once more, for the misbehaving releases of it
// to start from. It starts no goroutine and holds no lock.
package hello

import (
	"fmt"
	"io"
	"net/http"

	"github.com/segue-run/segue/sdk"
)

// Module behaves as plugins/hello does, under the name and version of the
// manifest text.
func Module(text string) sdk.Module {
	self := sdk.MustParse(text)
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
	mux.HandleFunc("GET /hello/headers", func(w http.ResponseWriter, r *http.Request) {
		_ = r.Header.Write(w) // so that it is seen what comes through
	})
	return sdk.Module{Manifest: text, Handler: mux}
}
