// Command hang is a release of hello that serves well and ignores Stop and
// SIGTERM: only SIGKILL ends it.
package main

import (
	"context"
	_ "embed"

	"github.com/segue-run/segue/plugins/chaos/internal/hello"
	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	m := hello.Module(manifest)
	m.Stop = func(context.Context) error { select {} }
	sdk.Serve(m)
}
