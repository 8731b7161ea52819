package h1

import (
	"net/http"
	"sync"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/h1/wire"
)

// tapped shows a tap what passes: the request's body may come from
// another goroutine than the answer. A nil one shows nothing.
type tapped struct {
	tap proxy.Tap

	mu     sync.Mutex // held while the tap is called
	headed bool       // the answer has begun: no more of the request is shown

	part bool // some of the request's body was not shown, or of the answer's
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

// head shows the head of the answer; part, that some of the request's body is still to
// come.
func (t *tapped) head(res *wire.Response, part bool) {
	if t == nil {
		return
	}
	t.stop()
	t.part = part
	header := make(http.Header, len(res.Fields))
	for _, f := range res.Fields {
		header.Add(f.Name, f.Value)
	}
	t.tap.Head(res.Status, header)
}

func (t *tapped) body(part []byte) {
	if t != nil {
		t.tap.Body(part)
	}
}

// cut says that the answer is not whole.
func (t *tapped) cut() {
	if t != nil {
		t.part = true
	}
}

func (t *tapped) end(whole bool) {
	if t == nil {
		return
	}
	t.stop()
	t.tap.End(whole && !t.part)
}
