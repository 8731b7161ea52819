package certificate_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/segue-run/segue/proxy/front/certificate"
)

const patience = 20 * time.Second

// made is a certificate and its key, in PEM.
type made struct{ chain, key []byte }

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func issue(t testing.TB, key crypto.Signer, serial int64, hosts ...string) made {
	t.Helper()
	return issueUntil(t, key, serial, time.Now().Add(time.Hour), hosts...)
}

func issueUntil(t testing.TB, key crypto.Signer, serial int64, until time.Time, hosts ...string) made {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until, DNSNames: hosts}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return made{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}

func files(t testing.TB, m made) certificate.Pair {
	t.Helper()
	dir := t.TempDir()
	p := certificate.Pair{Certificate: filepath.Join(dir, "a.pem"), Key: filepath.Join(dir, "a.key")}
	put(t, p.Certificate, m.chain)
	put(t, p.Key, m.key)
	return p
}

func put(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// hello is what a client of today says.
func hello(name string, protocols ...string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{ServerName: name, SupportedProtos: protocols, SupportedVersions: []uint16{tls.VersionTLS13, tls.VersionTLS12},
		CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256}, SupportedCurves: []tls.CurveID{tls.CurveP256},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256}, SupportedPoints: []uint8{0}}
}

func serial(t testing.TB, s *certificate.Store, h *tls.ClientHelloInfo) int64 {
	t.Helper()
	c, err := s.Get(h)
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf.SerialNumber.Int64()
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestHostThatTheClientNamesChoosesItsCertificate(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s, err := certificate.Open(certificate.Config{Pairs: []certificate.Pair{
		files(t, issue(t, newKey(t), 1, "first.test")),
		files(t, issue(t, newKey(t), 2, "*.wild.test", "WILD.test")),
		files(t, issue(t, newKey(t), 3, "exact.wild.test")),
		files(t, issue(t, newKey(t), 4, "both.test")),
		files(t, issue(t, rsaKey, 5, "both.test")),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{
		"first.test": 1, "": 1, "stranger.test": 1, "a.wild.test": 2, "wild.test": 2, "a.b.wild.test": 1, "exact.wild.test": 3,
		"EXACT.Wild.test": 3, "exact.wild.test.": 3, "both.test": 4,
	} {
		if got := serial(t, s, hello(name)); got != want {
			t.Errorf("%q: certificate %d, want %d", name, got, want)
		}
	}
	old := hello("both.test")
	old.SignatureSchemes = []tls.SignatureScheme{tls.PSSWithSHA256}
	if got := serial(t, s, old); got != 5 {
		t.Errorf("a client that knows RSA alone gets certificate %d", got)
	}
}

func TestOtherSourceHasTheHostsThatNoFileIsFor(t *testing.T) {
	errAsked := errors.New("asked")
	s, err := certificate.Open(certificate.Config{Pairs: []certificate.Pair{files(t, issue(t, newKey(t), 1, "a.test"))},
		Other: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errAsked }})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []*tls.ClientHelloInfo{hello("b.test"), hello("a.test", "acme-tls/1")} {
		if _, err := s.Get(h); err != errAsked {
			t.Errorf("%s %v: %v", h.ServerName, h.SupportedProtos, err)
		}
	}
	if serial(t, s, hello("a.test")) != 1 || serial(t, s, hello("")) != 1 {
		t.Error("the files' hosts are asked for elsewhere")
	}
	none, err := certificate.Open(certificate.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := none.Get(hello("a.test")); err == nil {
		t.Errorf("no files, and yet %v", c)
	}
}

func TestFilesThatAreNoCertificateAreNamed(t *testing.T) {
	whole := issue(t, newKey(t), 1, "a.test")
	for what, c := range map[string]made{
		"a.pem":           {[]byte("nothing"), whole.key},
		"a.key":           {whole.chain, issue(t, newKey(t), 1, "a.test").key},
		"more than":       {bytes.Repeat([]byte("x"), 2<<20), whole.key},
		"failed to parse": {whole.chain, []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")},
	} {
		if _, err := certificate.Open(certificate.Config{Pairs: []certificate.Pair{files(t, c)}}); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	p := files(t, whole)
	if err := os.Remove(p.Key); err != nil {
		t.Fatal(err)
	}
	if _, err := certificate.Open(certificate.Config{Pairs: []certificate.Pair{p}}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), p.Key) {
		t.Errorf("a missing key: %v", err)
	}
}

func TestBrokenNewFilesChangeNothingAndAreLoggedOnce(t *testing.T) {
	logs, seen := observer.New(zap.InfoLevel)
	first, second := issue(t, newKey(t), 1, "a.test"), issue(t, newKey(t), 2, "a.test")
	p := files(t, first)
	s, err := certificate.Open(certificate.Config{Pairs: []certificate.Pair{p}, Logger: zap.New(logs)})
	if err != nil {
		t.Fatal(err)
	}
	refusals := func() int { return seen.FilterMessage("new certificate not taken, the old one stays").Len() }
	put(t, p.Certificate, second.chain) // its key is not there yet
	eventually(t, "the refusal is logged", func() bool {
		if serial(t, s, hello("a.test")) != 1 {
			t.Fatal("half a certificate is served")
		}
		return refusals() > 0
	})
	// It is not said again while nothing changes, though the files are looked at.
	for range 3 {
		time.Sleep(1010 * time.Millisecond)
		if serial(t, s, hello("a.test")) != 1 {
			t.Fatal("the old certificate is gone")
		}
	}
	if n := refusals(); n != 1 {
		t.Errorf("logged %d times", n)
	}
	put(t, p.Key, second.key)
	eventually(t, "the new certificate is served", func() bool { return serial(t, s, hello("a.test")) == 2 })
	for _, path := range []string{p.Certificate, p.Key} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the loss is logged", func() bool { return serial(t, s, hello("a.test")) == 2 && refusals() == 2 })
}

func TestCertificateBehindALinkIsFollowed(t *testing.T) {
	dir := t.TempDir()
	key := newKey(t)
	for i, name := range []string{"one", "two"} {
		m := issue(t, key, int64(i+1), "a.test")
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, name, "a.pem"), m.chain)
		put(t, filepath.Join(dir, name, "a.key"), m.key)
	}
	live := filepath.Join(dir, "live")
	if err := os.Symlink("one", live); err != nil {
		t.Fatal(err)
	}
	s, err := certificate.Open(certificate.Config{Pairs: []certificate.Pair{{Certificate: filepath.Join(live, "a.pem"), Key: filepath.Join(live, "a.key")}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("two", live+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(live+".new", live); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other folder is served", func() bool { return serial(t, s, hello("a.test")) == 2 })
}

func TestExpiredCertificateIsServedAndLogged(t *testing.T) {
	logs, seen := observer.New(zap.WarnLevel)
	p := files(t, issueUntil(t, newKey(t), 1, time.Now().Add(-time.Hour), "a.test"))
	s, err := certificate.Open(certificate.Config{Pairs: []certificate.Pair{p}, Logger: zap.New(logs)})
	if err != nil {
		t.Fatal(err)
	}
	if serial(t, s, hello("a.test")) != 1 {
		t.Error("another certificate is served")
	}
	if all := seen.FilterMessage("certificate has expired").All(); len(all) != 1 || all[0].ContextMap()["file"] != p.Certificate {
		t.Errorf("logged %v", seen.All())
	}
}
