package nethttp_test

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/segue-run/segue/proxy"
)

func TestAnAddressHasNoMoreStreamsThanItMayHoweverManyItsConnectionsAre(t *testing.T) {
	release := make(chan struct{})
	m := newModule(t, "hello", func(http.ResponseWriter, *http.Request) { <-release })
	h := newHouse(t, proxy.Config{Limits: proxy.Limits{Streams: 2}}, false, m)
	first, second := h.wire(t), h.wire(t)
	first.send(request(nil), true)
	second.send(request(nil), true)
	until(t, "two are at the module", func() bool { return m.open() == 2 })
	third := h.wire(t)
	third.send(request(nil), true)
	if got := third.answer(); got != "503" {
		t.Errorf("one more: %s", got)
	}
	if e := h.entry(); e.Refused != "too-many-streams" || e.Request.Remote.Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("logged %+v", e)
	}
	close(release)
	for _, w := range []*wire{first, second} {
		if got := w.answer(); got != "200" {
			t.Errorf("got %s", got)
		}
	}
	until(t, "both are over", func() bool { return h.engine.Stats().InFlight == 0 })
	third.send(request(nil), true)
	if got := third.answer(); got != "200" {
		t.Errorf("when there is room: %s", got)
	}
}
