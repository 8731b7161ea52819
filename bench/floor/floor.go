package floor

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// Handshake is what the empty plugin and Plugin agree on.
var Handshake = plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "SEGUE_FLOOR", MagicCookieValue: "floor"}

// Plugins is the empty plugin's set of one.
var Plugins = plugin.PluginSet{"empty": nothing{}}

// nothing is a plugin without a service.
type nothing struct{ plugin.NetRPCUnsupportedPlugin }

// GRPCServer registers nothing.
func (nothing) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error { return nil }

// GRPCClient has nothing to call.
func (nothing) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

// Exec is how long it takes to start a program and to see it end.
func Exec(ctx context.Context, program string) (time.Duration, error) {
	begin := time.Now()
	err := exec.CommandContext(ctx, program).Run()
	return time.Since(begin), err
}

// Plugin is how long it takes to start a go-plugin and to get the answer to one
// ping. Ending it is not counted.
func Plugin(program string) (time.Duration, error) {
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  Handshake,
		Plugins:          Plugins,
		Cmd:              exec.Command(program),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		SkipHostEnv:      true,
		StartTimeout:     20 * time.Second,
		Logger:           hclog.NewNullLogger(),
	})
	defer client.Kill()
	begin := time.Now()
	protocol, err := client.Client()
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", program, err)
	}
	if err := protocol.Ping(); err != nil {
		return 0, fmt.Errorf("ping %s: %w", program, err)
	}
	return time.Since(begin), nil
}

// Hash is how long it takes to read a file and to compute its SHA-256.
func Hash(file string) (time.Duration, error) {
	begin := time.Now()
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if _, err := io.Copy(sha256.New(), f); err != nil {
		return 0, err
	}
	return time.Since(begin), nil
}

// Copy is how long it takes to copy a file to another, which is removed again.
func Copy(file, to string) (time.Duration, error) {
	begin := time.Now()
	src, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return 0, err
	}
	// Without the shortcut that lets a file system share the blocks of both.
	_, err = io.Copy(struct{ io.Writer }{dst}, struct{ io.Reader }{src})
	err = errors.Join(err, dst.Close())
	took := time.Since(begin)
	return took, errors.Join(err, os.Remove(to))
}
