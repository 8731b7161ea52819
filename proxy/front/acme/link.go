package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strconv"
	"time"
)

// What the authority may take.
const (
	longestWait = 3 * time.Second // between two questions for the same thing
	attempts    = 5
	largestBody = 1 << 20
)

// link carries requests to the authority for as long as the Manager lives.
type link struct {
	closing   context.Context
	transport *http.Transport
}

func newLink(closing context.Context, roots *x509.CertPool) *link {
	return &link{closing: closing, transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 30 * time.Second, ForceAttemptHTTP2: true,
	}}
}

// RoundTrip implements http.RoundTripper.
func (l *link) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	stop := context.AfterFunc(l.closing, cancel)
	done := func() { stop(); cancel() }
	res, err := l.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		done()
		return nil, err
	}
	if wait, err := strconv.Atoi(res.Header.Get("Retry-After")); err != nil || wait < 0 || wait > int(longestWait/time.Second) {
		if res.Header.Get("Retry-After") != "" {
			res.Header.Set("Retry-After", strconv.Itoa(int(longestWait/time.Second)))
		}
	}
	res.Body = &body{Reader: io.LimitReader(res.Body, largestBody), closer: res.Body, done: done}
	return res, nil
}

// backoff is how long to wait before attempt n of a request; 0 for no more.
func (l *link) backoff(n int, _ *http.Request, _ *http.Response) time.Duration {
	if n >= attempts || l.closing.Err() != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, longestWait)
}

// body is an answer's, which ends the request's context when it is closed.
type body struct {
	io.Reader
	closer io.Closer
	done   func()
}

// Close implements io.Closer.
func (b *body) Close() error {
	defer b.done()
	return b.closer.Close()
}
