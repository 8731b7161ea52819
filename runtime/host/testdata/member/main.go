// Command member is a module of which several processes run: it says which one answers,
// and falls ill or ends when it is told to.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	var ill atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("/a", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
	mux.HandleFunc("/a/end", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	mux.HandleFunc("/a/fall-ill", func(http.ResponseWriter, *http.Request) { ill.Store(true) })
	mux.HandleFunc("/a/wait", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, os.Getpid())
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	if os.Getenv("UNFIT") != "" {
		fmt.Fprintln(os.Stderr, "unfit to serve")
		os.Exit(1)
	}
	sdk.Serve(sdk.Module{
		Manifest: strings.Replace(manifest, "1.0.0", os.Getenv("VERSION"), 1),
		Handler:  mux,
		Health: func(context.Context) error {
			if ill.Load() {
				return errors.New("ill")
			}
			return nil
		},
	})
}
