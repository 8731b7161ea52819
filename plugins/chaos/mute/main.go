// Command mute has a manifest and never shakes hands.
package main

import (
	_ "embed"
	"os"
	"time"
)

//go:embed module.yaml
var manifest string

func main() {
	// On standard error, so that the runtime does not take it for a handshake; and
	// what is not used is not linked.
	os.Stderr.WriteString(manifest)
	for {
		time.Sleep(time.Hour)
	}
}
