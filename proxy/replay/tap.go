package replay

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/segue-run/segue/proxy"
)

// Taps shows what passes to several taps, in this order. Those that are nil are left
// out; it is nil where none is left.
func Taps(taps ...proxy.Tap) proxy.Tap {
	var all tees
	for _, tap := range taps {
		if tap != nil {
			all = append(all, tap)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

type tees []proxy.Tap

func (t tees) Sent(body []byte) {
	for _, tap := range t {
		tap.Sent(body)
	}
}

func (t tees) Head(status int, header http.Header) {
	for _, tap := range t {
		tap.Head(status, header)
	}
}

func (t tees) Body(part []byte) {
	for _, tap := range t {
		tap.Body(part)
	}
}

func (t tees) End(whole bool) {
	for _, tap := range t {
		tap.End(whole)
	}
}

// sink is what a tap records for.
type sink interface {
	// wants reports whether an answer that begins like this is of use.
	wants(status int, header http.Header) bool
	// spilled is told of a recording that was given up for lack of memory.
	spilled()
	// record takes over what was recorded, and lent bytes of the budget with it.
	record(rec Recording, lent int64)
}

// tap makes a Recording of a request and its answer as they pass. It is used by one
// goroutine at a time.
type tap struct {
	sink    sink
	memory  *budget
	headers []string // of the answer, that are kept beside those always kept
	rec     Recording
	due     int64 // the length of the request's body; negative where it is not known
	heard   listener
	lent    int64
	over    bool // given up, or ended
}

// newTap begins to record rec, a request without its body; it is nil where that is too
// much.
func newTap(sink sink, memory *budget, req *proxy.Request, rec Recording, headers []string) proxy.Tap {
	t := &tap{sink: sink, memory: memory, headers: headers, rec: rec, due: -1}
	if n, err := strconv.ParseInt(req.Header.Get("Content-Length"), 10, 64); err == nil {
		t.due = n
	}
	if size := headSize(&t.rec); size > maxHead || t.due > keepBody || !t.lend(size) {
		return nil
	}
	return t
}

// lend takes n bytes more from the budget, or gives up.
func (t *tap) lend(n int64) bool {
	if !t.memory.take(n) {
		t.drop()
		t.sink.spilled()
		return false
	}
	t.lent += n
	return true
}

// drop ends a recording that comes to nothing.
func (t *tap) drop() {
	t.memory.give(t.lent)
	*t = tap{over: true, sink: t.sink}
}

// Sent takes in a part of the request's body.
func (t *tap) Sent(body []byte) {
	if t.over || len(body) == 0 {
		return
	}
	if len(t.rec.Body)+len(body) > keepBody {
		t.drop()
		return
	}
	if t.lend(int64(len(body))) {
		t.rec.Body = append(t.rec.Body, body...)
	}
}

// Head takes in the head of the answer.
func (t *tap) Head(status int, header http.Header) {
	if t.over {
		return
	}
	if !t.sink.wants(status, header) {
		t.drop()
		return
	}
	t.heard.head(status, header, t.headers)
	t.lend(headerSize(t.heard.header))
}

// Body takes in a part of the answer's body.
func (t *tap) Body(part []byte) {
	if t.over || len(part) == 0 {
		return
	}
	if t.heard.length+int64(len(part)) > maxLength {
		t.drop()
		return
	}
	if kept := min(len(part), keepBody-len(t.heard.body)); kept == 0 || t.lend(int64(kept)) {
		t.heard.part(part)
	}
}

// End makes a Recording of a request that ended whole, and hands it on. Where the
// module answered before it had all of the body, there is none.
func (t *tap) End(whole bool) {
	if t.over {
		return
	}
	if !whole || t.heard.status == 0 || t.due >= 0 && t.due != int64(len(t.rec.Body)) {
		t.drop()
		return
	}
	t.rec.Body = bytes.Clone(t.rec.Body) // without what append has left over
	t.rec.Answer = t.heard.answer()
	t.over = true
	t.sink.record(t.rec, t.lent)
}
