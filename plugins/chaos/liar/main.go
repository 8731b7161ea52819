// Command liar embeds one manifest and describes itself by another: it claims to be
// version 9.9.9 and wants every route.
package main

import (
	_ "embed"
	"strings"

	"github.com/segue-run/segue/plugins/chaos/internal/hello"
	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	said := strings.NewReplacer("2.0.0-liar", "9.9.9", "path: /hello", "path: /").Replace(manifest)
	sdk.Serve(hello.Module(said))
}
