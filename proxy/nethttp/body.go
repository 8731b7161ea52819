package nethttp

import (
	"io"
	"net/http"
	"sync/atomic"

	"github.com/segue-run/segue/proxy"
)

// clientBody is a request's body on its way to a module. The transport may read it
// after the answer has come, until the server closes it.
type clientBody struct {
	in       *http.Request
	trailer  http.Header // announced and allowed; filled when the body has ended
	n        atomic.Int64
	finished atomic.Bool // read to its end
	failed   atomic.Bool // the client broke off, or broke its own framing
	tap      *tapped     // nil for none
}

// newClientBody is nil where the request has no body.
func newClientBody(in *http.Request) *clientBody {
	if in.ContentLength == 0 {
		return nil
	}
	b := &clientBody{in: in}
	for name := range in.Trailer {
		if proxy.Forwards(name) {
			if b.trailer == nil {
				b.trailer = make(http.Header, len(in.Trailer))
			}
			b.trailer[name] = nil
		}
	}
	return b
}

// Read reads on, for a module that nobody will take the place of.
func (b *clientBody) Read(p []byte) (int, error) { return b.next(p) }

// next reads on from the client. At the end it hands on the trailers that were
// announced: unannounced ones would pass by the check of their names.
func (b *clientBody) next(p []byte) (int, error) {
	n, err := b.in.Body.Read(p)
	if n > 0 {
		b.n.Add(int64(n))
		b.tap.sent(p[:n])
	}
	switch {
	case err == io.EOF && !b.finished.Load():
		for name := range b.trailer {
			b.trailer[name] = b.in.Trailer[name]
		}
		b.finished.Store(true)
	case err != nil && err != io.EOF:
		b.failed.Store(true)
	}
	return n, err
}

// Close does nothing: the server closes its body, and a transport that was not
// reached must leave it whole for the next one.
func (b *clientBody) Close() error { return nil }

// unread reports whether some of the body is still to come.
func (b *clientBody) unread() bool { return b != nil && !b.finished.Load() }

// broken reports whether the body could not be read because of the client.
func (b *clientBody) broken() bool { return b != nil && b.failed.Load() }

func (b *clientBody) bytes() int64 {
	if b == nil {
		return 0
	}
	return b.n.Load()
}
