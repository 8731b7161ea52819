// Command escape is a module that wants out. GET /escape is the list of what it knows to
// try; POST /escape/NAME tries one, in its own process, and answers how it ended. An
// attack that ends the process answers nothing.
//
// It tries nothing where it finds itself unconfined, and there is no way to make it: see
// unconfined. What it tries is bounded and leaves nothing behind even where it works:
// mounts are over its own temporary folder, signals are 0 and SIGCONT, bombs end by
// themselves.
package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	if len(os.Args) > 1 && os.Args[1] == executed {
		fmt.Println(executed)
		os.Exit(0)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /escape", func(w http.ResponseWriter, _ *http.Request) { answer(w, attack.All) })
	mux.HandleFunc("POST /escape/{attack}", attempt)
	sdk.Serve(sdk.Module{Manifest: manifest, Handler: mux})
}

// executed is the argument by which an execution of this program is recognised that an
// attack brought about.
const executed = "executed-by-escape"

// one attack at a time.
var one sync.Mutex

func attempt(w http.ResponseWriter, r *http.Request) {
	a, known := attack.ByName(r.PathValue("attack"))
	if !known || a.Module != "" {
		http.Error(w, "no such attack; GET /escape is the list", http.StatusNotFound)
		return
	}
	query := r.URL.Query()
	for _, name := range a.Needs {
		if query.Get(name) == "" {
			http.Error(w, "the attack needs the parameter "+name, http.StatusBadRequest)
			return
		}
	}
	one.Lock()
	defer one.Unlock()
	if why := unconfined(); why != "" {
		http.Error(w, "nothing is tried: this process is not confined: "+why, http.StatusServiceUnavailable)
		return
	}
	if reply := replies[a.Name]; reply != nil {
		reply(w)
		return
	}
	v := tries[a.Name](target{query})
	answer(w, attack.Result{Attack: a.Name, Outcome: v.outcome, Detail: clip(v.detail)})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// clip bounds what an answer holds.
func clip(s string) string {
	const most = 2000
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
