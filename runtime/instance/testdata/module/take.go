package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"github.com/segue-run/segue/sdk/wire"
)

// takes adds a path for each thing that a module may take, or may not.
func takes(mux *http.ServeMux) {
	mux.HandleFunc("/own", func(w http.ResponseWriter, _ *http.Request) {
		dir, _ := os.Getwd()
		_ = json.NewEncoder(w).Encode(map[string]any{"Dir": dir, "Env": os.Environ(), "Link": linked()})
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

// linked says something over the link to the host, where there is one.
func linked() string {
	if os.Getenv(wire.EnvLink) == "" {
		return "none"
	}
	if _, err := syscall.Write(wire.LinkFD, []byte("hello")); err != nil {
		return err.Error()
	}
	return "said"
}
