// Command member is a module of which several processes run: it says which one answers,
// and falls ill or ends when it is told to.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
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
	mux.HandleFunc("/a/fall-ill", func(w http.ResponseWriter, _ *http.Request) {
		ill.Store(true)
		fmt.Fprint(w, os.Getpid())
	})
	drained := make(chan struct{})
	mux.HandleFunc("/a/upgrade", func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		if r.URL.Query().Has("polite") {
			go func() {
				<-drained
				fmt.Fprintln(conn, "bye")
				conn.Close()
			}()
		}
		_, _ = io.Copy(conn, conn)
	})
	if os.Getenv("UNFIT") != "" {
		fmt.Fprintln(os.Stderr, "unfit to serve")
		os.Exit(1)
	}
	sdk.Serve(sdk.Module{
		Manifest: strings.Replace(manifest, "1.0.0", os.Getenv("VERSION"), 1),
		Handler:  mux,
		Drain:    func(context.Context) { close(drained) },
		Health: func(context.Context) error {
			if ill.Load() {
				return errors.New("ill")
			}
			return nil
		},
	})
}
