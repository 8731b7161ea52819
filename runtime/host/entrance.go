package host

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/front/acme"
	"github.com/segue-run/segue/proxy/front/certificate"
	"github.com/segue-run/segue/proxy/guard"
	"github.com/segue-run/segue/proxy/h1"
	"github.com/segue-run/segue/proxy/nethttp"
	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/telemetry"
)

// entrance is where traffic comes in: the addresses, what speaks with clients there, and
// what it writes of them.
type entrance struct {
	front  *front.Front
	log    *telemetry.AccessLog // nil for none
	acme   *acme.Manager        // nil for none
	plain  net.Listener
	secure net.Listener // nil for none
	tls    *tls.Config  // with secure
	cfg    config.Proxy
}

// openEntrance binds the addresses of cfg. Connections wait in the kernel until it is run.
func openEntrance(cfg config.Config, director proxy.Director, log *zap.Logger) (e *entrance, err error) {
	e = &entrance{cfg: cfg.Proxy}
	defer func() {
		if err != nil {
			_ = e.close()
		}
	}()
	if e.plain, err = listen("listen", cfg.Listen); err != nil {
		return e, err
	}
	if cfg.Proxy.TLS.Listen != "" {
		if err := e.openTLS(cfg, log); err != nil {
			return e, err
		}
	}
	carriage := carriageOf(cfg)
	carriage.Director, carriage.Logger, carriage.Links = director, log, proxy.NewLinks(0)
	if path := cfg.Proxy.AccessLog.Path; path != "" {
		set := cfg.Proxy.AccessLog
		e.log, err = telemetry.OpenAccessLog(telemetry.AccessLogConfig{Path: path, Sample: set.Sample, PerSecond: set.PerSecond,
			Slow: set.Slow, Query: set.Query, Logger: log})
		if err != nil {
			return e, &module.Error{Kind: module.Invalid, Field: "proxy.access_log.path", Value: path, Err: err, Hint: "name a file in a folder that segue may write to, or - for standard output"}
		}
		carriage.Log = e.log.Log
	}
	e.front = front.New(front.Config{H1: h1.New(carriage), H2: nethttp.New(carriage), Trust: guard.NewTrust(cfg.Proxy.TrustedProxies...),
		MaxConnections: cfg.Proxy.Limits.Connections, MaxPerAddress: cfg.Proxy.Limits.PerAddress, HeadTimeout: cfg.Proxy.Timeouts.Head, Logger: log})
	return e, nil
}

// carriageOf is how engines carry requests, but for whom they ask.
func carriageOf(cfg config.Config) proxy.Config {
	limits, times := cfg.Proxy.Limits, cfg.Proxy.Timeouts
	return proxy.Config{
		OmitRelease: !cfg.ReleaseHeader, ReplayMemory: int64(cfg.ShieldMemory),
		HeadTimeout: times.Head, IdleTimeout: times.Idle, BodyRate: times.BodyRate, BodyGrace: times.BodyGrace,
		Limits:   proxy.Limits{HeadBytes: int(limits.Head), Headers: limits.Headers, URLBytes: int(limits.URL), Body: int64(limits.Body)},
		LongIdle: times.LongIdle,
		Timeouts: proxy.Timeouts{Connect: times.Connect, Answer: times.Answer, Idle: times.BodyIdle, Total: times.Total},
	}
}

func (e *entrance) openTLS(cfg config.Config, log *zap.Logger) (err error) {
	set := certificate.Config{Logger: log}
	for _, c := range cfg.Proxy.TLS.Certificates {
		set.Pairs = append(set.Pairs, certificate.Pair{Certificate: c.Cert, Key: c.Key})
	}
	e.tls = &tls.Config{}
	if hosts := cfg.Proxy.ACME.Hosts; len(hosts) > 0 {
		dir := cfg.Proxy.ACME.Cache
		if dir == "" {
			dir = filepath.Join(cfg.StateDir, "acme")
		}
		e.acme, err = acme.Open(acme.Config{Hosts: hosts, Dir: dir, Email: cfg.Proxy.ACME.Email, Directory: cfg.Proxy.ACME.Directory, Logger: log})
		if err != nil {
			return &module.Error{Kind: module.Invalid, Field: "proxy.acme", Err: err, Hint: "see proxy.acme in docs/traffic.md"}
		}
		set.Other = e.acme.Get
		e.tls.NextProtos = []string{acme.Protocol}
	}
	store, err := certificate.Open(set)
	if err != nil {
		return &module.Error{Kind: module.Invalid, Field: "proxy.tls.certificates", Err: err, Hint: "name PEM files of a chain and its key that segue may read"}
	}
	e.tls.GetCertificate = store.Get
	e.secure, err = listen("tls-listen", cfg.Proxy.TLS.Listen)
	return err
}

// run takes connections until shutdown.
func (e *entrance) run(ctx context.Context) error {
	var proxies *guard.Trust
	if len(e.cfg.ProxyProtocol) > 0 {
		proxies = guard.NewTrust(e.cfg.ProxyProtocol...)
	}
	ended := make(chan error, 3)
	parts := 1
	plain := front.Options{Proxies: proxies}
	if e.secure != nil {
		if e.cfg.TLS.Redirect {
			plain.Handler = e.redirect()
		}
		parts++
		go func() { ended <- e.front.ServeWith(e.secure, front.Options{Proxies: proxies, TLS: e.tls}) }()
	}
	go func() { ended <- e.front.ServeWith(e.plain, plain) }()
	acmeCtx, stop := context.WithCancel(ctx)
	defer stop()
	if e.acme != nil {
		parts++
		go func() { ended <- e.acme.Run(acmeCtx) }()
	}
	// One that fails ends all: half an entrance is no entrance.
	err := <-ended
	if err != nil {
		_ = e.plain.Close()
		if e.secure != nil {
			_ = e.secure.Close()
		}
	}
	stop()
	for range parts - 1 {
		if late := <-ended; err == nil {
			err = late
		}
	}
	return err
}

// redirect sends clients to the address of TLS, but for challenges of an authority.
func (e *entrance) redirect() http.Handler {
	_, port, err := net.SplitHostPort(e.secure.Addr().String())
	if err != nil || port == "443" {
		port = ""
	}
	if e.acme != nil {
		return e.acme.Challenges(front.Redirect(port))
	}
	return front.Redirect(port)
}

// shutdown stops taking connections and ends those that there are; see front.Shutdown.
func (e *entrance) shutdown(ctx context.Context) error { return e.front.Shutdown(ctx) }

// reopenLog gives what has the access log opened anew with each value of again, as long as
// its context lives.
func (e *entrance) reopenLog(again <-chan os.Signal) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-again:
			}
			if e.log != nil {
				e.log.Reopen()
			}
		}
	}
}

// close gives up the addresses and the log; after run has ended.
func (e *entrance) close() error {
	var errs []error
	for _, l := range []net.Listener{e.plain, e.secure} {
		if l != nil {
			errs = append(errs, closeQuietly(l)())
		}
	}
	if e.log != nil {
		errs = append(errs, e.log.Close())
	}
	return errors.Join(errs...)
}

// secureAddr is where TLS is spoken; empty for nowhere.
func (e *entrance) secureAddr() string {
	if e.secure == nil {
		return ""
	}
	return e.secure.Addr().String()
}

// addresses are where it listens, in words.
func (e *entrance) addresses() string {
	if e.secure == nil {
		return e.plain.Addr().String()
	}
	return fmt.Sprintf("%s and, with TLS, %s", e.plain.Addr(), e.secure.Addr())
}

// sample is what it has seen.
func (e *entrance) sample() telemetry.FrontSample {
	stats, counts := e.front.Stats(), e.front.Counts()
	return telemetry.FrontSample{Own: stats.Own, Broken: stats.Broken, Retried: stats.Retried, Replayed: stats.Replayed,
		Requests: stats.Requests, InFlight: stats.InFlight, Upgraded: stats.Tunnels, Connections: stats.Connections,
		Accepted: counts.Accepted, Rejected: rejected(counts), Kept: stats.Kept}
}

// access counts what became of lines of the access log; nil where there is none.
func (e *entrance) access() func() telemetry.AccessStats {
	if e.log == nil {
		return nil
	}
	return e.log.Stats
}

func rejected(c front.Counts) map[string]uint64 {
	return map[string]uint64{"over-limit": c.OverLimit, "over-address": c.OverAddress, "unproven": c.Unproven,
		"no-handshake": c.NoHandshake, "silent": c.Silent}
}
