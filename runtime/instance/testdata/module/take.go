package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"

	"github.com/segue-run/segue/sdk"
)

// takes adds a path for each thing that a module may take, or may not.
func takes(mux *http.ServeMux) {
	mux.HandleFunc("/own", func(w http.ResponseWriter, r *http.Request) {
		dir, _ := os.Getwd()
		_ = json.NewEncoder(w).Encode(map[string]any{"Dir": dir, "Env": os.Environ(), "Link": dial(r.Context())})
	})
	mux.HandleFunc("/write", func(w http.ResponseWriter, r *http.Request) {
		kib, _ := strconv.Atoi(r.FormValue("kib"))
		fmt.Fprint(w, os.WriteFile(r.FormValue("file"), make([]byte, kib<<10), 0o600))
	})
	mux.HandleFunc("/read", func(w http.ResponseWriter, r *http.Request) {
		_, err := os.ReadFile(r.FormValue("file"))
		fmt.Fprint(w, err)
	})
	mux.HandleFunc("/spin", func(http.ResponseWriter, *http.Request) {
		for {
		}
	})
	mux.HandleFunc("/threads", func(w http.ResponseWriter, _ *http.Request) {
		var started sync.WaitGroup
		for range 400 {
			started.Add(1)
			go func() {
				runtime.LockOSThread()
				started.Done()
				forever()
			}()
		}
		started.Wait()
	})
}

// dial asks the host for a connection, which it never gets; the answer says why.
func dial(ctx context.Context) string {
	_, err := sdk.Dial(ctx, "tcp", "example.test:443")
	return fmt.Sprint(err)
}
