package nethttp

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/goaway"
	"github.com/segue-run/segue/proxy/page"
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
	if t.grpc {
		// While the transport waits for more of the call it does not hear that it is over.
		defer context.AfterFunc(t.ctx, func() { res.Body.Close() })()
	}
	announced := t.head(res)
	t.writeHead(res.StatusCode)
	t.outcome.Reached = true
	if headFirst(res) {
		if err := t.flush(); err != nil {
			return t.breaks(err)
		}
	}
	if err := t.copyBody(res); err != nil {
		return t.breaks(err)
	}
	t.copyTrailer(res, announced)
	t.outcome.Class = classOf(res)
	return whole
}

// head makes the answer's header and says how many trailers it announces.
func (t *transit) head(res *http.Response) (announced int) {
	h := t.w.Header()
	copyAnswerHeader(h, res.Header)
	t.setRelease(h)
	h[requestIDHeader] = []string{t.request.ID}
	long := isGRPC(res.Header) || goaway.IsLong(res.Header.Get("Content-Type"))
	t.exchange.Answered(proxy.Answer{Status: res.StatusCode, Wait: t.outcome.Wait, Long: long, Header: h})
	if long {
		t.lasts(res)
	}
	t.tap.Head(res.StatusCode, res.Header, t.body.unread())
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // or net/http guesses one
	}
	if t.body.unread() && t.in.ProtoMajor == 1 {
		// What is left of the body must not be taken for the next request.
		h["Connection"] = []string{"close"}
	}
	names := make([]string, 0, min(len(res.Trailer), t.e.cfg.Limits.Headers))
	for name := range res.Trailer {
		if answerPasses(name) && len(names) < cap(names) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		h["Trailer"] = []string{strings.Join(names, ", ")}
	}
	return len(names)
}

// lasts lets an answer last, and makes ready to end it where that can be asked for.
func (t *transit) lasts(res *http.Response) {
	t.long = true
	t.timeouts.Idle = t.e.cfg.IdleWhenLong(t.request.Route)
	t.idle.limit.Store(int64(t.timeouts.Idle))
	t.takes.lift()
	if t.body != nil {
		t.body.rate.lift()
	}
	if t.total != nil {
		t.total.Stop()
	}
	if res.ContentLength >= 0 || res.Header["Content-Encoding"] != nil {
		return // it has no other end than its own, or hides where it may end
	}
	if f := goaway.ForBody(res.Header.Get("Content-Type")); f != nil {
		t.away.follow(f, func() { t.cancel(errAway) })
	}
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
	defer t.idle.end()
	for {
		t.away.wait()
		t.idle.start(t.timeouts.Idle)
		n, err := res.Body.Read(buf[:])
		t.idle.stop()
		part, last := t.away.came(buf[:n])
		if len(part) > 0 {
			// The last piece is flushed by net/http together with the end.
			flush := err == nil && t.outcome.BytesOut+int64(len(part)) != res.ContentLength
			if err := t.pass(part, flush); err != nil {
				return err
			}
		}
		switch {
		case last:
			return errAway
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// pass gives the client a piece, and sees to it that it is taken.
func (t *transit) pass(part []byte, flush bool) error {
	began := t.takes.wait()
	_, err := t.w.Write(part)
	if err == nil {
		t.outcome.BytesOut += int64(len(part))
		t.tap.Body(part)
		if flush {
			err = t.client.Flush()
		}
	}
	t.takes.came(began, len(part))
	if err != nil {
		return errors.Join(errClientWrite, err)
	}
	return nil
}

// flush sends what was written.
func (t *transit) flush() error {
	began := t.takes.wait()
	err := t.client.Flush()
	t.takes.came(began, 0)
	if err != nil {
		return errors.Join(errClientWrite, err)
	}
	return nil
}

// writeHead answers the client with a status.
func (t *transit) writeHead(status int) {
	t.status = status
	t.w.WriteHeader(status)
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

// breaks notes why an answer that has begun does not come to its end. One that may end
// here ends in its protocol's own words, and gRPC has words for an end anywhere.
func (t *transit) breaks(err error) ending {
	t.failed(err)
	gone := t.outcome.Class == proxy.ClassClientGone
	switch {
	case gone:
		return broken
	case t.grpc:
		if t.outcome.Class != proxy.ClassDrained {
			t.e.counters.broken.Add(1)
		}
		class := t.outcome.Class
		if errors.Is(t.outcome.Err, proxy.ErrTimeout) {
			class = proxy.ClassTimeout
		}
		t.endGRPC(page.Failure(class, t.exchange.Target().Labels().Module, false))
		return whole
	case t.outcome.Class == proxy.ClassDrained && !errors.Is(t.outcome.Err, proxy.ErrDraining) && t.away.mayEnd():
		if farewell := t.away.follower.Farewell(); len(farewell) > 0 && t.pass(farewell, false) != nil {
			return broken
		}
		return whole
	}
	return broken
}
