package front

import (
	"crypto/tls"
	"net/http"
	"slices"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/guard"
)

// Config says what a front is in front of. Zero values mean the default.
type Config struct {
	H1 proxy.Engine // for HTTP/1.0 and HTTP/1.1; required
	H2 proxy.Engine // for HTTP/2; required. May be the same

	// Trust are the operator's own proxies: what they say of a client in headers is
	// believed, and MaxPerAddress does not hold for them. Default: nobody.
	Trust *guard.Trust
	// MaxConnections is how many connections of clients may be open; ones above that are
	// closed at once. Default: three quarters of the descriptors that the process may have,
	// and no more than 65,536; negative for any number.
	MaxConnections int
	// MaxPerAddress is how many of these an IPv4 address or an IPv6 network of 64 bits may
	// have. Default: a quarter of MaxConnections; negative for any number.
	MaxPerAddress int
	// HeadTimeout is how long a connection may take to say what it is: for its first bytes,
	// or its whole TLS handshake, with the PROXY protocol before it. Default 10 s.
	HeadTimeout time.Duration
	Logger      *zap.Logger // default: none
}

// Options are what holds for the connections of one listener.
type Options struct {
	// TLS, if not nil, has the listener speak TLS only. Where it leaves them unset it is
	// given TLS 1.2 as the lowest version, suites with forward secrecy and authenticated
	// encryption, and HTTP/2 and HTTP/1.1 by ALPN. It is not changed.
	TLS *tls.Config
	// Proxies, if not nil, has the listener speak the PROXY protocol, version 1 or 2, before
	// all else, and only with these peers.
	Proxies *guard.Trust
	// Handler, if not nil, is given all requests, in HTTP/1.1, in place of the engines: for
	// a port that only redirects, or answers challenges. Its connections end with Shutdown.
	Handler http.Handler
}

const mostConnections = 65_536

func (c Config) defaults() Config {
	if c.H1 == nil || c.H2 == nil {
		panic("front: no engine")
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = mostConnections
		var limit syscall.Rlimit
		if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
			c.MaxConnections = int(min(limit.Cur/4*3, mostConnections))
		}
	}
	if c.MaxPerAddress == 0 && c.MaxConnections > 0 {
		c.MaxPerAddress = max(c.MaxConnections/4, 1)
	}
	if c.HeadTimeout == 0 {
		c.HeadTimeout = 10 * time.Second
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	return c
}

// secured is a listener's TLS configuration with its defaults in place.
func (o Options) secured() *tls.Config {
	if o.TLS == nil {
		return nil
	}
	cfg := o.TLS.Clone()
	if cfg.MinVersion == 0 {
		cfg.MinVersion = tls.VersionTLS12
	}
	if cfg.CipherSuites == nil {
		cfg.CipherSuites = []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		}
	}
	if !slices.Contains(cfg.NextProtos, "h2") && !slices.Contains(cfg.NextProtos, "http/1.1") {
		cfg.NextProtos = append([]string{"h2", "http/1.1"}, cfg.NextProtos...)
	}
	if o.Handler != nil {
		cfg.NextProtos = slices.DeleteFunc(slices.Clone(cfg.NextProtos), func(p string) bool { return p == "h2" })
	}
	return cfg
}
