package e2e_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// speaks makes an installation with the given segue.yaml, and a certificate that
// secured names, on which the release that speaks every protocol is stable.
func speaks(t *testing.T, yaml string) (*site, *authority) {
	t.Helper()
	s := newSite(t, yaml)
	ca := newAuthority(t)
	ca.certify(s.dir, 1)
	s.start()
	s.segue("deploy", chaos("polyglot"), "--wait")
	s.awaitStable("3.0.0")
	s.awaitEvent(module.RolloutTried, "", "") // what fails from now on is not judged
	return s, ca
}

const (
	atOnce   = "rollout: {strategy: instant, hold: 0s}\n"
	secured  = "tls: {listen: \"127.0.0.1:0\", certificates: [{cert: site.pem, key: site.key}]}"
	withTLS  = "proxy: {" + secured + "}\n"
	siteName = "shop.example.com"
	inFlight = `segue_requests_in_flight{module="hello",version="3.0.0"}`
)

// authority signs certificates for siteName.
type authority struct {
	t     *testing.T
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	roots *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	a := &authority{t: t, key: key, roots: x509.NewCertPool()}
	a.cert, err = x509.ParseCertificate(der)
	must(t, err)
	a.roots.AddCert(a.cert)
	return a
}

// certify writes a certificate with the serial number, and its key, into the folder: one
// file after the other, as most who renew certificates do.
func (a *authority) certify(dir string, serial int64) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(a.t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{siteName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	must(a.t, err)
	secret, err := x509.MarshalECPrivateKey(key)
	must(a.t, err)
	must(a.t, os.WriteFile(filepath.Join(dir, "site.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	must(a.t, os.WriteFile(filepath.Join(dir, "site.key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600))
}

// config is what a client of the site needs.
func (a *authority) config() *tls.Config { return &tls.Config{RootCAs: a.roots, ServerName: siteName} }

// tongues are the ways to speak HTTP with a site.
var tongues = []string{"HTTP/1.1", "HTTP/1.1 over TLS", "HTTP/2 in clear text", "HTTP/2 over TLS"}

// tongue is a client that speaks so, and where it finds the site.
func (s *site) tongue(name string, ca *authority) (c *http.Client, base string) {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	base = "http://" + s.info.ListenAddr
	if strings.HasSuffix(name, "TLS") {
		base = "https://" + s.info.TLSAddr
		transport.TLSClientConfig = ca.config()
	}
	transport.Protocols.SetHTTP1(strings.HasPrefix(name, "HTTP/1"))
	transport.Protocols.SetHTTP2(name == "HTTP/2 over TLS")
	transport.Protocols.SetUnencryptedHTTP2(name == "HTTP/2 in clear text")
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 2 * patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, base
}

// wire is a connection to the traffic's address on which a test writes what it likes.
type wire struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

// dial opens a wire, which is closed with the test.
func (s *site) dial() *wire {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.info.ListenAddr)
	must(s.t, err)
	return s.wire(conn)
}

func (s *site) wire(conn net.Conn) *wire {
	s.t.Helper()
	s.t.Cleanup(func() { conn.Close() })
	must(s.t, conn.SetDeadline(time.Now().Add(2*patience)))
	return &wire{conn, s.t, bufio.NewReader(conn)}
}

// say writes text.
func (w *wire) say(text string) *wire {
	w.t.Helper()
	_, err := io.WriteString(w, text)
	must(w.t, err)
	return w
}

// hear reads one answer to a GET with its body.
func (w *wire) hear() (reply, error) {
	resp, err := http.ReadResponse(w.r, nil)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header.Get("Segue-Release"), string(text), resp.Header}, err
}

// answered is what hear gives where it must give one.
func (w *wire) answered() reply {
	w.t.Helper()
	got, err := w.hear()
	must(w.t, err)
	return got
}

// ended is an error where the other side does not end the connection, without more.
func (w *wire) ended() error {
	rest, err := io.ReadAll(w.r)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%q came after it", rest)
	}
	return err
}

// got sends a request that must be answered somehow.
func (s *site) got(method, path, body string, headers ...string) reply {
	s.t.Helper()
	got, err := s.ask(client, method, path, body, headers...)
	must(s.t, err)
	return got
}

// series is the value of a metric, as /metrics names it; and whether it is there.
func (s *site) series(name string) (value float64, err error) {
	var text string
	if err := s.get("http://"+s.info.AdminAddr+"/metrics", &text); err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, name+" "); found {
			_, err := fmt.Sscan(rest, &value)
			return value, err
		}
	}
	return 0, errors.New("no series " + name)
}

// awaitSeries waits until a metric is at least so much.
func (s *site) awaitSeries(name string, least float64) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%s is %v", name, least), func() error {
		value, err := s.series(name)
		if err == nil && value < least {
			err = fmt.Errorf("it is %v", value)
		}
		return err
	})
}
