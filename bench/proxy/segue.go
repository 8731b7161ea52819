package main

import (
	"context"
	"net"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/h1"
	"github.com/segue-run/segue/proxy/nethttp"
	"github.com/segue-run/segue/proxy/route"
)

// serveSegue is our proxy as it stands in the runtime: a rollout under way with its shares,
// its shield and its evidence, and what is always on.
func serveSegue(ctx context.Context, address, socket string) error {
	pool := new(balance.Pool)
	group := balance.NewGroup(balance.GroupConfig{Module: "bench"})
	release := func(version string) *balance.Release {
		r := balance.NewRelease(balance.ReleaseConfig{Labels: proxy.Labels{Module: "bench", Version: version}, Observe: func(balance.Observation) {}})
		r.Add(balance.TargetConfig{Instance: "i-" + version,
			Dial: func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", socket) }})
		return r
	}
	err := group.Apply(balance.Split{Rollout: "r1", Shield: &balance.Shield{Budget: 100}, Shares: []balance.Share{
		{Release: release("1.0.0"), Weight: 9500, Stable: true}, {Release: release("1.1.0"), Weight: 500}}})
	if err != nil {
		return err
	}
	table, err := route.Build([]route.Entry{{Path: "/", Module: "bench"}})
	if err != nil {
		return err
	}
	if err := pool.Set(table, group); err != nil {
		return err
	}
	cfg := proxy.Config{Director: pool}
	f := front.New(front.Config{H1: h1.New(cfg), H2: nethttp.New(cfg)})
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- f.Serve(l) }()
	<-ctx.Done()
	last, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = f.Shutdown(last)
	return <-served
}
