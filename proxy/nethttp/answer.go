package nethttp

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"sync"

	"github.com/segue-run/segue/proxy"
)

const (
	copyBuffer = 32 << 10
	// headAlone is the length of a body from which on the head goes ahead of it. A
	// shorter one of known length comes with its head, nearly always, and a packet is
	// saved.
	headAlone = 64 << 10
)

var buffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// errStatus is an answer that claims to be final under a status that is not.
var errStatus = errors.New("module answered with a status below 200")

// errClientWrite marks a failure on the client's side of an answer.
var errClientWrite = errors.New("client does not take the answer")

// answer passes on the module's answer.
func (t *transit) answer(res *http.Response) ending {
	defer res.Body.Close()
	announced := t.head(res)
	t.w.WriteHeader(res.StatusCode)
	t.outcome.Reached = true
	if headFirst(res) {
		if err := t.client.Flush(); err != nil {
			return t.breaks(errClientWrite)
		}
	}
	if err := t.copyBody(res); err != nil {
		return t.breaks(err)
	}
	t.copyTrailer(res, announced)
	t.outcome.Class = proxy.ClassOf(res.StatusCode)
	return whole
}

// head makes the answer's header and says how many trailers it announces.
func (t *transit) head(res *http.Response) (announced int) {
	h := t.w.Header()
	copyAnswerHeader(h, res.Header)
	t.setRelease(h)
	t.exchange.Answered(proxy.Answer{Status: res.StatusCode, Wait: t.outcome.Wait, Header: h})
	t.tap.head(res, t.body.unread())
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // or net/http guesses one
	}
	if t.body.unread() {
		// What is left of the body must not be taken for the next request.
		h["Connection"] = []string{"close"}
	}
	for name := range res.Trailer {
		if answerPasses(name) {
			h.Add("Trailer", name)
			announced++
		}
	}
	return announced
}

// setRelease puts the release that answers into a header.
func (t *transit) setRelease(h http.Header) {
	if !t.e.cfg.OmitRelease {
		h[ReleaseHeader] = []string{t.exchange.Target().Labels().Release()}
	}
}

// headFirst reports whether the head is flushed before any of the body has come.
func headFirst(res *http.Response) bool {
	return res.ContentLength < 0 || res.ContentLength >= headAlone
}

// copyBody passes on the body, each piece as it comes.
func (t *transit) copyBody(res *http.Response) error {
	if res.Body == http.NoBody {
		return nil
	}
	buf := buffers.Get().(*[copyBuffer]byte)
	defer buffers.Put(buf)
	for {
		n, err := res.Body.Read(buf[:])
		if n > 0 {
			if _, err := t.w.Write(buf[:n]); err != nil {
				return errors.Join(errClientWrite, err)
			}
			t.outcome.BytesOut += int64(n)
			t.tap.body(buf[:n])
			// The last piece is flushed by net/http together with the end.
			if err == nil && t.outcome.BytesOut != res.ContentLength {
				if err := t.client.Flush(); err != nil {
					return errors.Join(errClientWrite, err)
				}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// copyTrailer passes on the trailers, which are known now that the body has ended.
func (t *transit) copyTrailer(res *http.Response, announced int) {
	h := t.w.Header()
	maps.DeleteFunc(res.Trailer, func(name string, _ []string) bool { return !answerPasses(name) })
	prefix := ""
	if len(res.Trailer) != announced {
		prefix = http.TrailerPrefix
	}
	for name, values := range res.Trailer {
		h[prefix+name] = answerValues(name, values)
	}
}

// breaks notes why an answer that has begun does not come to its end.
func (t *transit) breaks(err error) ending {
	t.failed(err)
	return broken
}

type connKey struct{}

// withConn keeps a connection at hand for resetIfUnframed.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// resetIfUnframed has the connection of a client that knows the end of an answer only
// by the connection's end closed with a reset: an orderly end would say that the
// answer was whole.
func resetIfUnframed(in *http.Request) {
	if in.ProtoAtLeast(1, 1) {
		return
	}
	if conn, ok := in.Context().Value(connKey{}).(*proxy.Conn); ok {
		if tcp, ok := conn.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
}
