package h1

import (
	"errors"
	"io"
	"strings"
	"time"

	"github.com/segue-run/segue/proxy/h1/wire"
)

const (
	// askPatience is how long a module is waited for that is to ask for a body.
	askPatience = time.Second
	// lastPiece is how long a module may take to accept the rest of a request that it has
	// answered already.
	lastPiece = 50 * time.Millisecond
	// chunkRoom is more than the head of a chunk takes.
	chunkRoom = 16
)

// errStopped ends the reading of a body that nobody wants any more, or another module.
var errStopped = errors.New("the body is not wanted any more")

// upload sends what of a body did not go with the head, on a goroutine of its own, while
// the answer is waited for.
type upload struct {
	asked   chan struct{} // closed when the module wants the body; nil where it is sent at once
	told    bool          // asked is closed
	stop    chan struct{} // closed when it is to end
	stopped bool          // the same, under transit.mu
	done    chan struct{} // closed when it has ended
	whole   bool          // all was sent; once it has ended
}

// next reads on in the body, for this attempt.
func (t *transit) next(p []byte, wait bool) (int, error) {
	if t.reading != nil {
		return t.reading.next(p, wait)
	}
	return t.body.next(p, wait)
}

// compose makes what goes to the module at once: the head, and what there is of the body.
// whole says that this is all.
func (t *transit) compose() (whole bool, err error) {
	if t.out == nil {
		t.out = take(outBuffers)
	}
	expects := t.expects()
	t.o = t.appendHead(t.out.b[:0])
	if t.body == nil {
		return true, nil
	}
	if expects {
		return false, nil
	}
	for cap(t.o)-len(t.o) > 2*chunkRoom {
		room := t.o[len(t.o)+chunkRoom : cap(t.o)-chunkRoom]
		n, err := t.next(room, false)
		if n > 0 {
			t.o = t.appendPiece(t.o, room[:n])
		}
		switch {
		case err == io.EOF:
			t.o = t.appendEnd(t.o)
			return true, nil
		case err == errWait:
			return false, nil
		case err != nil:
			return false, err
		}
	}
	return false, nil
}

// appendPiece appends a piece of the body in the framing that it has.
func (t *transit) appendPiece(out, piece []byte) []byte {
	if t.head.Framing != wire.Chunked {
		return append(out, piece...)
	}
	var head [chunkRoom]byte
	n := copy(head[:], wire.AppendChunkHead(head[:0], len(piece)))
	end := len(out) + n + len(piece)
	moved := out[:end:cap(out)]
	copy(moved[len(out)+n:], piece)
	copy(moved[len(out):], head[:n])
	return append(moved, "\r\n"...)
}

// appendEnd appends what follows the body: the trailers that were announced. Others would
// pass by the check of their names.
func (t *transit) appendEnd(out []byte) []byte {
	if t.head.Framing != wire.Chunked {
		return out
	}
	var passing []wire.Field
	for _, f := range t.body.chunks.Trailer {
		for _, name := range t.body.announced {
			if strings.EqualFold(name, f.Name) {
				passing = append(passing, f)
				break
			}
		}
	}
	return wire.AppendTrailer(out, passing)
}

// startUpload sends the rest of the body.
func (t *transit) startUpload() {
	up := &upload{stop: make(chan struct{}), done: make(chan struct{})}
	if t.expects() {
		up.asked = make(chan struct{})
	}
	t.mu.Lock()
	t.up = up
	t.mu.Unlock()
	go func(l *link, a *attempt) {
		defer close(up.done)
		defer t.e.caught(t.panicked)
		up.whole = t.upload(up, l, a)
	}(t.link, t.attempt)
}

// upload reports whether all was sent.
func (t *transit) upload(up *upload, l *link, a *attempt) bool {
	if up.asked != nil && !t.awaitAsked(up) {
		return false
	}
	buf := take(outBuffers)
	defer buf.free()
	for {
		n, err := t.next(buf.b[chunkRoom:len(buf.b)-outRoom], true)
		switch {
		case err == errStopped:
			return false
		case err != nil && err != io.EOF:
			a.interrupt(nil) // for the client's sake
			return false
		}
		piece := t.frame(buf.b, n)
		if err == io.EOF {
			piece = t.appendEnd(piece)
		}
		if len(piece) > 0 && !t.give(l, piece) {
			t.owes(t.e.now()) // it may have answered, and closed
			return false
		}
		if err == io.EOF {
			t.sent()
			t.mayWatch()
			return true
		}
	}
}

// frame gives the n bytes of the body at b[chunkRoom:] in their framing.
func (t *transit) frame(b []byte, n int) []byte {
	if n == 0 || t.head.Framing != wire.Chunked {
		return b[chunkRoom : chunkRoom+n]
	}
	var head [chunkRoom]byte
	at := chunkRoom - len(wire.AppendChunkHead(head[:0], n))
	copy(b[at:], head[:chunkRoom-at])
	return append(b[at:chunkRoom+n], "\r\n"...)
}

// give writes to the module, which must take it in time until it has answered.
func (t *transit) give(l *link, p []byte) bool {
	if !t.isHeaded() {
		t.takeDue.set(t.e.after(t.times.Answer))
	}
	_, err := l.Write(p)
	return t.takeDue.met() && err == nil
}

// awaitAsked waits until the module wants the body, and asks the client for it. It reports
// false where nobody wants it any more.
func (t *transit) awaitAsked(up *upload) bool {
	timer := time.NewTimer(askPatience)
	defer timer.Stop()
	select {
	case <-up.asked:
	case <-timer.C:
	case <-up.stop:
		return false
	}
	return t.ask()
}

// ask asks the client for its body. It reports false where an answer has come, or the
// client does not hear.
func (t *transit) ask() bool {
	t.informing.Lock()
	defer t.informing.Unlock()
	if t.hushed {
		return false
	}
	if t.continued {
		return true
	}
	t.continued = true
	return t.say1xx(wire.AppendStatus(nil, 100))
}

// isStopped reports whether the body is not to be read any more.
func (t *transit) isStopped() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.up != nil && t.up.stopped
}

// stopUpload ends the upload, and reports whether all was sent; answered says that the
// module has answered, so that what was read of the body may still go.
func (t *transit) stopUpload(answered bool) bool {
	up := t.up
	if up == nil {
		return true
	}
	select {
	case <-up.done:
		return up.whole
	default:
	}
	if answered && !t.unread() {
		_ = t.link.SetWriteDeadline(time.Now().Add(lastPiece))
		<-up.done
		_ = t.link.SetWriteDeadline(time.Time{})
		return up.whole
	}
	t.mu.Lock()
	up.stopped = true
	_ = t.c.SetReadDeadline(past)
	t.mu.Unlock()
	close(up.stop)
	if t.link != nil {
		_ = t.link.SetWriteDeadline(past)
	}
	<-up.done
	t.mu.Lock()
	_ = t.c.SetReadDeadline(t.cutting)
	t.mu.Unlock()
	if t.link != nil && up.whole { // at the same moment
		_ = t.link.SetWriteDeadline(time.Time{})
	}
	return up.whole
}
