// Command flood is a release of hello that writes to its log without a pause:
// short lines, lines of 1 MB, lines without an end, and JSON that lies about its
// fields.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"strings"

	"github.com/segue-run/segue/plugins/chaos/internal/hello"
	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	m := hello.Module(manifest)
	m.Start = func(context.Context) error {
		go flood()
		return nil
	}
	sdk.Serve(m)
}

func flood() {
	long := strings.Repeat("long ", 1<<20/5)
	for n := 0; ; n++ {
		fmt.Printf("flood %d\n", n)
		fmt.Fprintln(os.Stderr, `{"@message":17,"@level":["error"],"@timestamp":null}`)
		fmt.Fprintln(os.Stderr, "1|1|unix|/tmp/elsewhere|grpc|")
		sdk.Logger().Info("flood", "n", n)
		if n%1000 == 0 {
			fmt.Println(long)
			fmt.Fprint(os.Stderr, long)
		}
	}
}
