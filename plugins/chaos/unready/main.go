// Command unready is a release of hello that never passes a probe.
package main

import (
	"context"
	_ "embed"
	"errors"

	"github.com/segue-run/segue/plugins/chaos/internal/hello"
	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	m := hello.Module(manifest)
	m.Health = func(context.Context) error { return errors.New("this release is never ready") }
	sdk.Serve(m)
}
