package carry

import (
	"net/http"
	"sync"

	"github.com/segue-run/segue/proxy"
)

// Tap shows a proxy.Tap what passes; the request's body may come from another goroutine
// than the answer. A nil one shows nothing.
type Tap struct {
	tap proxy.Tap

	mu     sync.Mutex // held while the tap is called
	headed bool       // the answer has begun: no more of the request is shown

	part bool // some of the request's body was not shown, or of the answer's
}

// NewTap is nil where tap is.
func NewTap(tap proxy.Tap) *Tap {
	if tap == nil {
		return nil
	}
	return &Tap{tap: tap}
}

// Sent shows a part of the request's body.
func (t *Tap) Sent(body []byte) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.headed {
		t.tap.Sent(body)
	}
}

// stop ends what is shown of the request.
func (t *Tap) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.headed = true
}

// Head shows the head of the answer; part says that some of the request's body is still to
// come.
func (t *Tap) Head(status int, header http.Header, part bool) {
	if t == nil {
		return
	}
	t.stop()
	t.part = part
	t.tap.Head(status, header)
}

// Body shows a part of the answer's body.
func (t *Tap) Body(part []byte) {
	if t != nil {
		t.tap.Body(part)
	}
}

// Cut says that the answer is not whole.
func (t *Tap) Cut() {
	if t != nil {
		t.part = true
	}
}

// End says that nothing more comes; whole, that the answer came to its end.
func (t *Tap) End(whole bool) {
	if t == nil {
		return
	}
	t.stop()
	t.tap.End(whole && !t.part)
}
