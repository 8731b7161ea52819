package sdk

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/segue-run/segue/sdk/manifest"
	"github.com/segue-run/segue/sdk/wire"
	"github.com/segue-run/segue/sdk/wire/modulev1"
)

// signalGrace is how long the module may take to finish when it is told to end by
// SIGTERM, and when the runtime closes the control connection without a word.
const signalGrace = 5 * time.Second

// Serve runs the module and never returns: it exits with 0 when the runtime has
// stopped the module. If the process was not started by the runtime, or something
// is missing, it says on standard error what to do and exits with 1.
func Serve(m Module) { os.Exit(serve(m)) }

func serve(m Module) int {
	parsed, err := m.check()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if os.Getenv(wire.CookieKey) != wire.CookieValue {
		explain(os.Stderr, os.Args[0], parsed, m.Manifest)
		return 1
	}
	listener, err := inheritedListener()
	if err != nil {
		fmt.Fprintln(os.Stderr, "take over the listener:", err)
		return 1
	}
	nonce := os.Getenv(wire.EnvNonce)
	_ = os.Unsetenv(wire.EnvNonce)
	_ = announcedLink()
	if slog.Default() == firstDefault {
		slog.SetDefault(Logger())
	}
	p := newProcess(m, listener)
	plugin.Serve(serveConfig(p, nonce))
	if p.control == nil { // go-plugin could not begin, and has said why
		return 1
	}
	p.stop(signalGrace, 0) // where the connection was closed without Stop
	return p.exit()
}

func serveConfig(p *process, nonce string) *plugin.ServeConfig {
	g := &guard{nonce: nonce, probe: p.probe, ending: p.ending}
	return &plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  wire.ProtocolVersion,
			MagicCookieKey:   wire.CookieKey,
			MagicCookieValue: wire.CookieValue,
		},
		Plugins: plugin.PluginSet{wire.PluginName: &controlPlugin{process: p}},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			p.control = grpc.NewServer(append(opts, grpc.UnaryInterceptor(g.unary), grpc.StreamInterceptor(g.stream))...)
			handleSignals(p)
			return p.control
		},
		Logger: hclog.New(&hclog.LoggerOptions{Output: p.stderr, Level: hclog.Error, JSONFormat: true}),
	}
}

// controlPlugin registers the control contract with go-plugin's server.
type controlPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	process *process
}

// GRPCServer implements plugin.GRPCPlugin.
func (c *controlPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	modulev1.RegisterModuleServer(s, c.process)
	return nil
}

// GRPCClient implements plugin.GRPCPlugin; a module is never the client.
func (c *controlPlugin) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("the module's side has no client")
}

// handleSignals makes SIGTERM a stop. SIGINT is left to go-plugin, which ignores
// it: a Ctrl-C in a terminal is for the runtime, which stops its modules itself.
// SIGPIPE is caught, so that output which nobody reads does not end the process.
func handleSignals(p *process) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	go func() {
		<-terminate
		p.stop(signalGrace, 0)
	}()
}

// explain tells somebody who has run a module by hand what it is.
func explain(w io.Writer, file string, m *manifest.Manifest, text string) {
	var routes []string
	for _, r := range m.Routes {
		routes = append(routes, r.String())
	}
	fmt.Fprintf(w, "This is %s@%s, a module for Segue; it answers %s.\n", m.Name, m.Version, strings.Join(routes, ", "))
	fmt.Fprintf(w, "It does not run by itself: the runtime starts it and sends it requests.\n\n")
	if strings.Contains(filepath.ToSlash(file), "/go-build") { // `go run`
		file = m.Name
		fmt.Fprintf(w, "    go build -o %s .\n", file)
	}
	fmt.Fprintf(w, "    cp %s modules/        # into the directory that a running `segue run` watches\n", file)
	fmt.Fprintf(w, "    segue deploy %s       # or hand it over\n", file)
	var s manifest.Scanner
	_, _ = io.WriteString(&s, text)
	if _, err := s.Manifest(); err != nil {
		fmt.Fprintf(w, "\nIts manifest is not marked, so the runtime will not find it in the executable.\n"+
			"Begin module.yaml with the line `%s` and end it with the line `...`,\n"+
			"or put it beside the executable as %s.module.yaml.\n", manifest.FirstLine(), filepath.Base(file))
	}
}
