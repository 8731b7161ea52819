package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/segue-run/segue/proxy"
)

// Protocol is what the authority speaks in ALPN to prove a host; a TLS configuration must
// offer it (tls.Config.NextProtos).
const Protocol = acme.ALPNProto

// Config says which hosts are served, and whom to ask.
type Config struct {
	Hosts []string // exact names, without wildcards; required
	// Dir is where the account's key and the certificates are kept; it is made where it is
	// not there. Required.
	Dir string
	// Email is whom the authority writes to; may be empty.
	Email string
	// Directory is the URL of the authority's directory; default: Let's Encrypt's. To name
	// one is to agree to its terms.
	Directory string
	// Roots say whom to believe that is the authority; default: the system's.
	Roots  *x509.CertPool
	Logger *zap.Logger // default: none
}

// Manager serves certificates. It is used from many goroutines at once.
type Manager struct {
	cfg     Config
	auto    *autocert.Manager
	hosts   map[string]bool
	link    *link
	closing context.Context
	close   context.CancelFunc
	flights sync.WaitGroup

	mu     sync.Mutex
	closed bool
	ready  map[string]bool    // hosts whose certificate is at hand
	flying map[string]*flight // hosts whose certificate is being obtained
	logged map[string]time.Time
}

// flight is the way to one certificate.
type flight struct {
	done chan struct{} // closed at the end
	cert *tls.Certificate
	err  error
}

// Open makes a Manager. It asks nobody anything yet; an error says which setting is wrong.
func Open(cfg Config) (*Manager, error) {
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if cfg.Directory == "" {
		cfg.Directory = autocert.DefaultACMEDirectory
	}
	if len(cfg.Hosts) == 0 {
		return nil, errors.New("acme: no hosts")
	}
	m := &Manager{cfg: cfg, hosts: map[string]bool{}, ready: map[string]bool{}, flying: map[string]*flight{}, logged: map[string]time.Time{}}
	for _, host := range cfg.Hosts {
		clean, err := cleanHost(host)
		if err != nil {
			return nil, err
		}
		m.hosts[clean] = true
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder for certificates: %w", err)
	}
	m.closing, m.close = context.WithCancel(context.Background())
	m.link = newLink(m.closing, cfg.Roots)
	m.auto = &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(cfg.Dir), Email: cfg.Email,
		HostPolicy: func(_ context.Context, host string) error {
			if clean, err := proxy.CleanHost(host); err != nil || !m.hosts[clean] {
				return errHost
			}
			return nil
		},
		Client: &acme.Client{DirectoryURL: cfg.Directory, HTTPClient: &http.Client{Transport: m.link, Timeout: 30 * time.Second},
			RetryBackoff: m.link.backoff, UserAgent: "segue"},
	}
	return m, nil
}

// cleanHost gives a host as clients name it in a handshake.
func cleanHost(host string) (string, error) {
	clean := strings.ToLower(strings.TrimSuffix(host, "."))
	_, err := netip.ParseAddr(clean)
	switch {
	case err == nil:
		return "", fmt.Errorf("acme: host %q: an address cannot be proven; name a host", host)
	case strings.Contains(clean, "*"):
		return "", fmt.Errorf("acme: host %q: a wildcard cannot be proven; name each host", host)
	case !strings.Contains(strings.Trim(clean, "."), "."), strings.ContainsFunc(clean, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("/:@", r) }):
		return "", fmt.Errorf("acme: host %q: not the full name of a host", host)
	}
	return clean, nil
}

var (
	errHost   = errors.New("no certificate is obtained for this host")
	errClosed = errors.New("shutting down")
)

// Get gives the certificate for a handshake; it is a tls.Config's GetCertificate. Where it
// must be obtained first, Get waits for that as long as the handshake lives, and the next
// handshake waits for the same one.
func (m *Manager) Get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if slices.Equal(hello.SupportedProtos, []string{Protocol}) {
		return m.auto.GetCertificate(hello)
	}
	host := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if !m.hosts[host] {
		return nil, errHost
	}
	f := m.fly(host)
	if f == nil {
		return m.ask(host)
	}
	select {
	case <-f.done:
		return f.cert, f.err
	case <-hello.Context().Done():
		return nil, hello.Context().Err()
	}
}

// ask asks for a certificate with an ECDSA key, which every client of today can use.
func (m *Manager) ask(host string) (*tls.Certificate, error) {
	return m.auto.GetCertificate(&tls.ClientHelloInfo{ServerName: host, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}})
}

// fly has the host's certificate obtained; nil where it is at hand.
func (m *Manager) fly(host string) *flight {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ready[host] {
		return nil
	}
	if f := m.flying[host]; f != nil {
		return f
	}
	f := &flight{done: make(chan struct{})}
	if m.closed {
		f.err = errClosed
		close(f.done)
		return f
	}
	m.flying[host] = f
	m.flights.Go(func() {
		f.cert, f.err = m.ask(host)
		m.landed(host, f.err)
		close(f.done)
	})
	return f
}

// complainEvery is how often the same host's trouble is logged at most.
const complainEvery = time.Minute

func (m *Manager) landed(host string, err error) {
	m.mu.Lock()
	delete(m.flying, host)
	m.ready[host] = err == nil
	complain := err != nil && !m.closed && time.Since(m.logged[host]) >= complainEvery
	if complain {
		m.logged[host] = time.Now()
	}
	m.mu.Unlock()
	switch {
	case err == nil:
		m.cfg.Logger.Info("certificate at hand", zap.String("host", host))
	case complain:
		m.cfg.Logger.Error("certificate not obtained", zap.String("host", host), zap.String("directory", m.cfg.Directory), zap.Error(err))
	}
}

// Run obtains the certificates of all hosts, so that no user has to wait, and tries those
// again that it does not get; the port that they are proven over should be open by then.
// When ctx ends it breaks off what is under way, and nothing of the Manager's runs any
// more when it returns nil. A Manager is not used again.
func (m *Manager) Run(ctx context.Context) error {
	pause := complainEvery
	for missing := m.cfg.Hosts; len(missing) > 0 && ctx.Err() == nil; pause = min(2*pause, time.Hour) {
		if missing = m.obtain(ctx, missing); len(missing) == 0 {
			break
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	<-ctx.Done()
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.close()
	m.flights.Wait()
	m.link.transport.CloseIdleConnections()
	return nil
}

// obtain goes for the hosts one after the other, and gives those that it has not got.
func (m *Manager) obtain(ctx context.Context, hosts []string) (missing []string) {
	for _, host := range hosts {
		clean, _ := cleanHost(host)
		f := m.fly(clean)
		if f == nil {
			continue
		}
		select {
		case <-f.done:
			if f.err != nil {
				missing = append(missing, host)
			}
		case <-ctx.Done():
			return hosts
		}
	}
	return missing
}

// Challenges is a handler for port 80 that proves hosts over HTTP too (HTTP-01), which is
// tried where TLS-ALPN-01 has failed; all other requests go on to others. Called before
// Run.
func (m *Manager) Challenges(others http.Handler) http.Handler { return m.auto.HTTPHandler(others) }
