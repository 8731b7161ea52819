package apitest

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/module"
)

// Root is the actor of every change over a served Runtime's local socket.
var Root = module.Actor{Kind: "user", Name: "root", UID: new(uint32)}

// Served is a Runtime behind a real unix socket and a real TCP address.
type Served struct {
	Socket  string
	Address string // host:port on loopback
	stop    func()
}

// Serve serves rt, a Runtime or one made of it; cfg is completed where it leaves something out. The socket's
// directory is made.
func Serve(rt api.Runtime, socket string, cfg api.Config) (*Served, error) {
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		return nil, err
	}
	local, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	public, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		_ = local.Close()
		return nil, err
	}
	cfg.Runtime, cfg.Socket, cfg.Address = rt, socket, public.Addr().String()
	if cfg.Actor == nil {
		cfg.Actor = func(*http.Request) (module.Actor, error) { return Root, nil }
	}
	if cfg.Metrics == nil {
		cfg.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("segue_up 1\n")) })
	}
	server, err := api.New(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = server.Run(ctx, local, public) })
	return &Served{Socket: socket, Address: public.Addr().String(), stop: sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})}, nil
}

// Stop ends the server and waits for it. It may be called more than once.
func (s *Served) Stop() { s.stop() }
