package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
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
	mux.HandleFunc("/spawn", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, spawn()) })
}

// spawn starts programs until that fails, ends them again, and tells what it failed of.
func spawn() error {
	var ready, done sync.WaitGroup
	for range 8 { // threads in reserve: the Go runtime does not live without those that it needs
		ready.Add(1)
		done.Go(func() {
			runtime.LockOSThread()
			ready.Done()
			ready.Wait()
			runtime.UnlockOSThread()
		})
	}
	done.Wait()
	var children []*exec.Cmd
	defer func() {
		for _, c := range children {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}()
	for range 200 {
		c := exec.Command("/bin/sleep", "60")
		if err := c.Start(); err != nil {
			return err
		}
		children = append(children, c)
	}
	return nil
}

// dial asks the host for a connection, which it never gets; the answer says why.
func dial(ctx context.Context) string {
	_, err := sdk.Dial(ctx, "tcp", "example.test:443")
	return fmt.Sprint(err)
}
