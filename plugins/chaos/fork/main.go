// Command fork is a release of hello that starts a process of its own and leaves
// it behind, with the module's output in its hands. GET /hello/child answers that
// process's pid.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/segue-run/segue/plugins/chaos/internal/hello"
	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

const childEnv = "CHAOS_CHILD"

func main() {
	if os.Getenv(childEnv) != "" {
		for {
			time.Sleep(time.Hour)
		}
	}
	m := hello.Module(manifest)
	var child *exec.Cmd
	m.Start = func(context.Context) error {
		child = exec.Command("/proc/self/exe")
		child.Env = []string{childEnv + "=1"}
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		return child.Start()
	}
	mux := http.NewServeMux()
	mux.Handle("/", m.Handler)
	mux.HandleFunc("GET /hello/child", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, child.Process.Pid)
	})
	m.Handler = mux
	sdk.Serve(m)
}
