package nethttp

import (
	"errors"
	"net/http"
	"net/textproto"
	"time"

	"github.com/segue-run/segue/proxy"
)

// What a module may say before it answers, for each request.
const (
	maxInformed = 16
	maxHinted   = 64 << 10 // bytes of all their heads together
	// informPatience is how long a client may take to read one of them.
	informPatience = 5 * time.Second
)

// errInformed is a module that talks instead of answering.
var errInformed = errors.New("module sent too many informational answers")

// inform passes on an informational answer; an error ends the round trip. The
// transport calls it while that is under way, or just after it was given up.
//
// A failure can be replayed after one: it belongs to no final answer, and a client
// knows that what follows may be anything (RFC 9110, 15.2).
func (s *signals) inform(code int, header textproto.MIMEHeader) error {
	t := s.transit
	t.informing.Lock()
	defer t.informing.Unlock()
	if s.hushed {
		return nil
	}
	t.informed++
	for name, values := range header {
		for _, value := range values {
			t.hinted += len(name) + len(value) + len(": \r\n")
		}
	}
	if t.informed > maxInformed || t.hinted > maxHinted {
		return errInformed
	}
	if namesTooMuch(http.Header(header)) {
		return proxy.ErrNamed
	}
	if !t.hears(code) || !t.limitWrite(time.Now().Add(informPatience)) {
		return nil
	}
	h := t.w.Header()
	copyAnswerHeader(h, http.Header(header))
	t.w.WriteHeader(code)
	clear(h)
	t.limitWrite(time.Time{})
	return nil
}

// hush says that the round trip is over: no more informational answers go out.
func (t *transit) hush() {
	t.informing.Lock()
	defer t.informing.Unlock()
	t.signals.hushed = true
}

// hears reports whether the client is told. One that expects a 100 hears that alone:
// net/http writes it of its own, when the module's 100 makes the transport read the
// body, and takes no care that nothing else is written just then.
//
// Nor does one of HTTP/2: net/http gives the header of an informational answer, as it
// stands, to the goroutine that writes frames, and where the stream is reset it does not
// wait for that. Whatever is done to the header then is done while it is read. That of a
// final answer is a copy, and trailers are written when nobody has the header any more.
func (t *transit) hears(code int) bool {
	return code != http.StatusContinue && t.in.ProtoMajor == 1 && t.in.ProtoMinor == 1 && t.in.Header["Expect"] == nil
}

// limitWrite sets the client's deadline for reading, unless the request is being cut
// off: that one stands.
func (t *transit) limitWrite(deadline time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cutting {
		return false
	}
	_ = t.client.SetWriteDeadline(deadline)
	return true
}
