// Command handshake is a release of hello that lies while it shakes hands. Its version
// says how: 2.0.0-outside names a control socket outside its folder, -network an address
// on the network, -symlink a link to somebody else's socket; -endless writes a line
// without an end, -garbage bytes that make no sense; and -twofold shakes hands well, and
// then once more with another socket.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/segue-run/segue/plugins/chaos/internal/hello"
	"github.com/segue-run/segue/sdk"
)

//go:embed module.yaml
var manifest string

func main() {
	_, how, _ := strings.Cut(sdk.MustParse(manifest).Version, "-")
	folder := os.Getenv("PLUGIN_UNIX_SOCKET_DIR")
	switch how {
	case "outside":
		path := filepath.Join(os.TempDir(), "control.sock")
		if _, err := net.Listen("unix", path); err != nil {
			path = "/run/control.sock"
		}
		shake("unix", path)
	case "network":
		shake("tcp", "127.0.0.1:1")
	case "symlink":
		path := filepath.Join(folder, "control.sock")
		_ = os.Symlink("/run/control.sock", path)
		shake("unix", path)
	case "endless":
		fmt.Print("1|1|unix|", folder, "/")
		for block := bytes.Repeat([]byte("x"), 1<<16); ; {
			_, _ = os.Stdout.Write(block)
		}
	case "garbage":
		_, _ = os.Stdout.Write(bytes.Repeat([]byte("\x00\xff|\r\n"), 1<<12))
	case "twofold":
		m := hello.Module(manifest)
		m.Start = func(context.Context) error {
			shake("unix", filepath.Join(folder, "other.sock"))
			return nil
		}
		sdk.Serve(m)
	}
	for {
		time.Sleep(time.Hour)
	}
}

// shake writes the line by which a module says where its control socket is.
func shake(network, address string) { fmt.Printf("1|1|%s|%s|grpc|\n", network, address) }
