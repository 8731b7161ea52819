package h1_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
)

func TestAnOldClientGetsEveryPieceInItsPlace(t *testing.T) {
	for name, sizes := range map[string][]int{
		"large ones":         {5000, 5000, 5000, 4096},
		"small behind large": {5000, 10, 5000, 10, 4095, 4096},
		"large behind small": {10, 5000, 10, 10, 8000},
		"small ones":         {1, 2, 3, 4},
		"huge ones":          {200_000, 3, 100_000, 70_000, 5},
	} {
		var answer, want strings.Builder
		answer.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for i, size := range sizes {
			piece := strings.Repeat(string(rune('a'+i)), size)
			fmt.Fprintf(&answer, "%x\r\n%s\r\n", size, piece)
			want.WriteString(piece)
		}
		answer.WriteString("0\r\n\r\n")
		h := newHouse(t, proxy.Config{}, newModule(t, func(conn net.Conn, r *bufio.Reader) {
			head(r)
			io.WriteString(conn, answer.String())
		}), proxy.Route{})
		c := h.dial()
		c.send("GET / HTTP/1.0\r\n\r\n")
		if _, body := c.answer("GET"); body != want.String() {
			t.Errorf("%s: got %d bytes of %d, or in another order", name, len(body), want.Len())
		}
		if o := h.outcome(); o.Class != proxy.ClassOK || o.BytesOut != int64(want.Len()) {
			t.Errorf("%s: outcome %+v", name, o)
		}
	}
}

func TestAClientThatTakesNothingOfALongAnswerIsShutOut(t *testing.T) {
	h := newHouse(t, proxy.Config{}, speaking(t, flood("text/event-stream")), proxy.Route{Timeouts: proxy.Timeouts{Idle: 300 * time.Millisecond}})
	c := h.dial()
	c.send(get)
	if o := h.outcome(); o.Class != proxy.ClassClientGone || !o.Reached {
		t.Errorf("outcome %+v", o)
	}
}
