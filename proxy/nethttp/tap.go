package nethttp

import (
	"net/http"
	"sync"

	"github.com/segue-run/segue/proxy"
)

// tapped shows a tap what passes: the request's body comes from the transport's
// goroutine, the answer from the request's own. A nil one shows nothing.
type tapped struct {
	tap proxy.Tap

	mu     sync.Mutex // held while the tap is called
	headed bool       // the answer has begun: no more of the request is shown

	part bool // of the request's body, some was not shown
}

func tapOf(tap proxy.Tap) *tapped {
	if tap == nil {
		return nil
	}
	return &tapped{tap: tap}
}

func (t *tapped) sent(body []byte) {
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
func (t *tapped) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.headed = true
}

func (t *tapped) head(res *http.Response, part bool) {
	if t == nil {
		return
	}
	t.stop()
	t.part = part
	t.tap.Head(res.StatusCode, res.Header)
}

func (t *tapped) body(part []byte) {
	if t != nil {
		t.tap.Body(part)
	}
}

func (t *tapped) end(whole bool) {
	if t == nil {
		return
	}
	t.stop()
	t.tap.End(whole && !t.part)
}
