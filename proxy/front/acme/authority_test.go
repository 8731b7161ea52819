package acme_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// authority is a small one (RFC 8555): it checks signatures and nonces, proves hosts by
// TLS-ALPN-01 (RFC 8737) with a connection of its own, and signs what is asked for.
type authority struct {
	t      testing.TB
	server *httptest.Server
	root   *x509.Certificate
	key    *ecdsa.PrivateKey
	pool   *x509.CertPool // trusts root
	target string         // where all hosts are reached

	mu       sync.Mutex
	nonces   map[string]bool
	accounts map[string]*ecdsa.PublicKey // by URL
	orders   []*order
	serial   int64
	refuse   bool          // every new order
	hold     chan struct{} // if not nil, new orders wait for it to be closed
	validity time.Duration
}

type order struct {
	host, token, status string
	proof               error
	chain               []byte
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool(), nonces: map[string]bool{}, accounts: map[string]*ecdsa.PublicKey{}, serial: 1, validity: 24 * time.Hour}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(48 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.root)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /directory", a.directory)
	mux.HandleFunc("HEAD /nonce", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /{what}", a.post)
	mux.HandleFunc("POST /{what}/{id}", a.post)
	a.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Replay-Nonce", a.nonce())
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(a.server.Close)
	return a
}

// roots trust the server that the authority speaks through.
func (a *authority) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.server.Certificate())
	return pool
}

func (a *authority) url(path ...any) string { return a.server.URL + fmt.Sprint(path...) }

func (a *authority) nonce() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := rand.Text()
	a.nonces[n] = true
	return n
}

func (a *authority) orderCount() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.orders)
}

func (a *authority) directory(w http.ResponseWriter, _ *http.Request) {
	answer(w, 200, map[string]any{"newNonce": a.url("/nonce"), "newAccount": a.url("/account"), "newOrder": a.url("/order"),
		"revokeCert": a.url("/revoke"), "keyChange": a.url("/key")})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func problem(w http.ResponseWriter, status int, kind string, err error) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "urn:ietf:params:acme:error:" + kind, "detail": err.Error()})
}

// signed is a request's body.
type signed struct {
	Protected, Payload, Signature string
}

type head struct {
	Alg, Nonce, URL, Kid string
	JWK                  *struct{ X, Y string }
}

var b64 = base64.RawURLEncoding

// open checks a request, and gives its payload and its account's key.
func (a *authority) open(r *http.Request) (payload []byte, key *ecdsa.PublicKey, err error) {
	var s signed
	var h head
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		return nil, nil, err
	}
	protected, _ := b64.DecodeString(s.Protected)
	signature, _ := b64.DecodeString(s.Signature)
	payload, err = b64.DecodeString(s.Payload)
	if err := errors.Join(err, json.Unmarshal(protected, &h)); err != nil {
		return nil, nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.nonces[h.Nonce] || h.URL != a.url(r.URL.Path) || h.Alg != "ES256" || len(signature) != 64 {
		return nil, nil, fmt.Errorf("head %s", protected)
	}
	delete(a.nonces, h.Nonce)
	if key = a.accounts[h.Kid]; h.JWK != nil {
		x, _ := b64.DecodeString(h.JWK.X)
		y, _ := b64.DecodeString(h.JWK.Y)
		if key, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...)); err != nil {
			return nil, nil, err
		}
	}
	digest := sha256.Sum256([]byte(s.Protected + "." + s.Payload))
	if key == nil || !ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return nil, nil, errors.New("the signature is wrong")
	}
	return payload, key, nil
}

func (a *authority) post(w http.ResponseWriter, r *http.Request) {
	payload, key, err := a.open(r)
	if err != nil {
		problem(w, 400, "malformed", err)
		return
	}
	what, id := r.PathValue("what"), r.PathValue("id")
	switch {
	case what == "account":
		a.mu.Lock()
		url := a.url("/account/", len(a.accounts)+1)
		a.accounts[url] = key
		a.mu.Unlock()
		w.Header().Set("Location", url)
		answer(w, 201, map[string]any{"status": "valid"})
		return
	case what == "order" && id == "":
		a.newOrder(w, payload)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var n int
	if _, err := fmt.Sscan(id, &n); err != nil || n >= len(a.orders) {
		problem(w, 404, "malformed", errors.New("no such thing"))
		return
	}
	o := a.orders[n]
	switch what {
	case "authz", "challenge":
		if what == "challenge" {
			o.prove(a.target, key)
		}
		status := map[string]string{"pending": "pending", "invalid": "invalid"}[o.status]
		if status == "" {
			status = "valid"
		}
		challenge := map[string]any{"type": "tls-alpn-01", "url": a.url("/challenge/", n), "token": o.token, "status": status}
		if what == "challenge" {
			answer(w, 200, challenge)
			return
		}
		answer(w, 200, map[string]any{"status": status, "identifier": map[string]any{"type": "dns", "value": o.host}, "challenges": []any{challenge}})
	case "order":
		answer(w, 200, a.shown(n))
	case "finalize":
		if err := a.sign(o, payload); err != nil {
			problem(w, 403, "badCSR", err)
			return
		}
		w.Header().Set("Location", a.url("/order/", n))
		answer(w, 200, a.shown(n))
	case "certificate":
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		_, _ = w.Write(o.chain)
	}
}

func (a *authority) newOrder(w http.ResponseWriter, payload []byte) {
	var asked struct{ Identifiers []struct{ Value string } }
	err := json.Unmarshal(payload, &asked)
	a.mu.Lock()
	hold := a.hold
	a.mu.Unlock()
	if hold != nil {
		<-hold
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil || len(asked.Identifiers) != 1 || a.refuse {
		problem(w, 403, "rejectedIdentifier", errors.New("not this one"))
		return
	}
	a.orders = append(a.orders, &order{host: asked.Identifiers[0].Value, token: rand.Text(), status: "pending"})
	n := len(a.orders) - 1
	w.Header().Set("Location", a.url("/order/", n))
	answer(w, 201, a.shown(n))
}

func (a *authority) shown(n int) map[string]any {
	o := a.orders[n]
	shown := map[string]any{"status": o.status, "identifiers": []any{map[string]any{"type": "dns", "value": o.host}},
		"authorizations": []any{a.url("/authz/", n)}, "finalize": a.url("/finalize/", n)}
	if o.status == "valid" {
		shown["certificate"] = a.url("/certificate/", n)
	}
	return shown
}

// prove connects to the host, as RFC 8737 has it.
func (o *order) prove(target string, key *ecdsa.PublicKey) {
	o.proof = func() error {
		conn, err := tls.Dial("tcp", target, &tls.Config{ServerName: o.host, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
		if err != nil {
			return err
		}
		defer conn.Close()
		state := conn.ConnectionState()
		leaf := state.PeerCertificates[0]
		if state.NegotiatedProtocol != "acme-tls/1" || len(leaf.DNSNames) != 1 || leaf.DNSNames[0] != o.host {
			return fmt.Errorf("%s for %v", state.NegotiatedProtocol, leaf.DNSNames)
		}
		point, err := key.Bytes()
		if err != nil {
			return err
		}
		thumb := sha256.Sum256(fmt.Appendf(nil, `{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}`, b64.EncodeToString(point[1:33]), b64.EncodeToString(point[33:])))
		want := sha256.Sum256([]byte(o.token + "." + b64.EncodeToString(thumb[:])))
		for _, e := range leaf.Extensions {
			var got []byte
			if e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}) && e.Critical {
				if _, err := asn1.Unmarshal(e.Value, &got); err == nil && bytes.Equal(got, want[:]) {
					return nil
				}
			}
		}
		return errors.New("not proven")
	}()
	if o.status = "ready"; o.proof != nil {
		o.status = "invalid"
	}
}

func (a *authority) sign(o *order, payload []byte) error {
	var asked struct{ CSR string }
	if err := json.Unmarshal(payload, &asked); err != nil {
		return err
	}
	der, err := b64.DecodeString(asked.CSR)
	if err != nil {
		return err
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return err
	}
	if err := csr.CheckSignature(); err != nil || o.status != "ready" || strings.Join(csr.DNSNames, " ") != o.host {
		return fmt.Errorf("%v is %s: %w", csr.DNSNames, o.status, err)
	}
	a.serial++
	template := &x509.Certificate{SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: o.host}, NotBefore: time.Now().Add(-time.Minute),
		NotAfter: time.Now().Add(a.validity), DNSNames: csr.DNSNames, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	leaf, err := x509.CreateCertificate(rand.Reader, template, a.root, csr.PublicKey, a.key)
	if err != nil {
		return err
	}
	o.chain = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf})
	o.status = "valid"
	return nil
}
