// Command chatty is a release of hello that writes one line in each way there is.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"log"

	"github.com/segue-run/segue/plugins/chaos/internal/hello"
	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	m := hello.Module(manifest)
	m.Start = func(context.Context) error {
		fmt.Println("a line on standard output")
		log.Println("a line on standard error")
		sdk.Logger().Info("a structured line", "of", "chatty")
		return nil
	}
	sdk.Serve(m)
}
