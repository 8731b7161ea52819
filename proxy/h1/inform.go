package h1

import (
	"errors"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/h1/wire"
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

// inform passes on an informational answer whose head has n bytes.
//
// A failure can be replayed after one: it belongs to no final answer, and a client
// knows that what follows may be anything (RFC 9110, 15.2).
func (t *transit) inform(res *wire.Response, n int) error {
	t.informed++
	t.hinted += n - len("HTTP/1.1 100 \r\n\r\n") - len(res.Reason)
	if t.informed > maxInformed || t.hinted > maxHinted {
		return errInformed
	}
	if _, ok := namedBy(res.Fields); !ok {
		return proxy.ErrNamed
	}
	if res.Status == 100 {
		up := t.up
		if up == nil || up.asked == nil || up.told {
			return nil
		}
		up.told = true
		if !t.ask() {
			return errClientWrite
		}
		close(up.asked)
		return nil
	}
	// A client that waits to be asked for its body hears nothing else.
	if t.head.Minor == 0 || t.head.Continue {
		return nil
	}
	out := wire.AppendStatus(nil, res.Status)
	out = t.appendAnswer(out, res)
	t.informing.Lock()
	defer t.informing.Unlock()
	if !t.say1xx(out) {
		return errClientWrite
	}
	return nil
}

// hush says whether informational answers may go out.
func (t *transit) hush(hushed bool) {
	t.informing.Lock()
	defer t.informing.Unlock()
	t.hushed = hushed
}

// say1xx ends the head of an informational answer and sends it; t.informing is held.
func (t *transit) say1xx(head []byte) bool {
	t.c.writeDue.set(t.e.now() + int64(informPatience))
	_, err := t.c.Write(append(head, "\r\n"...))
	return t.c.writeDue.met() && err == nil
}
