package nethttp

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/carry"
)

// errTooLong ends a body that is longer than a request's may be.
var errTooLong = errors.New("the request's body is too long")

// clientBody is a request's body on its way to a module. The transport may read it
// after the answer has come, until the server closes it.
type clientBody struct {
	in       *http.Request
	trailer  http.Header // announced and allowed; filled when the body has ended
	most     int64       // bytes; 0 for any
	rate     rate
	idle     *idle // of the answer, which need not come while this does
	n        atomic.Int64
	finished atomic.Bool // read to its end
	failed   atomic.Bool // the client broke off, or broke its own framing
	tooLong  atomic.Bool // so it failed
	slow     atomic.Bool // so it failed
	tap      *carry.Tap  // nil for none
}

// newClientBody is nil where the request has no body.
func newClientBody(in *http.Request) *clientBody {
	if in.ContentLength == 0 {
		return nil
	}
	b := &clientBody{in: in}
	for name := range in.Trailer {
		if proxy.FieldOf(name).ForwardsTrailer() {
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

// next reads on from the client, for one reader at a time. At the end it hands on the
// trailers that were announced: unannounced ones would pass by the check of their names.
func (b *clientBody) next(p []byte) (int, error) {
	if b.tooLong.Load() {
		return 0, errTooLong
	}
	began := b.rate.wait()
	n, err := b.in.Body.Read(p)
	b.rate.came(began, n)
	if total := b.n.Add(int64(n)); b.most > 0 && total > b.most {
		b.failed.Store(true)
		b.tooLong.Store(true)
		return 0, errTooLong
	}
	if n > 0 {
		b.tap.Sent(p[:n])
		b.idle.extend(time.Duration(b.idle.limit.Load()))
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
