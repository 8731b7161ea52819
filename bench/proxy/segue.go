package main

import (
	"context"
	"net"
	"os"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/h1"
	"github.com/segue-run/segue/proxy/limit"
	"github.com/segue-run/segue/proxy/nethttp"
	"github.com/segue-run/segue/proxy/route"
	"github.com/segue-run/segue/runtime/telemetry"
)

// serveSegue is our proxy as it stands in the runtime: a rollout under way with its shares,
// its shield and its evidence, limits, the access log, and what is always on.
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
	// Limits that nothing here reaches, and a line of the log for each hundredth request.
	held := limit.Limits{Pace: limit.Pace{Every: time.Microsecond, Burst: 1 << 20}, Concurrent: 1 << 20,
		PerClient: limit.Pace{Every: time.Microsecond, Burst: 1 << 20}}
	if err := pool.SetModules(table, balance.Module{Group: group, Limits: held}); err != nil {
		return err
	}
	log, err := telemetry.OpenAccessLog(telemetry.AccessLogConfig{Path: os.DevNull, Sample: 100})
	if err != nil {
		return err
	}
	defer log.Close()
	cfg := proxy.Config{Director: pool, Log: log.Log, Links: proxy.NewLinks(0)}
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
