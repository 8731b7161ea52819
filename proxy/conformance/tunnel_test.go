package conformance_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// upgrading is a module that changes to a protocol that sends every line back in
// capitals, and says goodbye when the client has ended.
func upgrading(w http.ResponseWriter, r *http.Request) {
	protocol := r.Header.Get("Upgrade")
	if r.URL.Path == "/other" {
		protocol = "other"
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: %s\r\nX-Key: 1\r\nSegue-Release: x\r\n\r\nfirst\n", protocol)
	lines := bufio.NewScanner(rw)
	for lines.Scan() {
		fmt.Fprintln(conn, strings.ToUpper(lines.Text()))
	}
	fmt.Fprintln(conn, "goodbye")
}

const upgradeRequest = "GET %s HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n"

func TestAnUpgradedConnectionGoesThroughBothWays(t *testing.T) {
	h, m := usual(t, upgrading)
	conn, r := h.raw()
	// The client does not wait for the answer before it speaks.
	fmt.Fprintf(conn, upgradeRequest+"one\n", "/")
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 101 || res.Header.Get("Upgrade") != "websocket" || res.Header.Get("X-Key") != "1" ||
		res.Header.Get("Connection") != "Upgrade" || res.Header.Get("Segue-Release") != "hello@1.0.0" {
		t.Errorf("got %v %v", res.Status, res.Header)
	}
	expect := func(want string) {
		t.Helper()
		if line, err := r.ReadString('\n'); err != nil || line != want+"\n" {
			t.Fatalf("got %q, %v; want %q", line, err, want)
		}
	}
	expect("first")
	expect("ONE")
	if n := h.engine.Stats().Tunnels; n != 1 {
		t.Errorf("%d tunnels", n)
	}
	fmt.Fprintln(conn, "two")
	expect("TWO")
	conn.(interface{ CloseWrite() error }).CloseWrite()
	expect("goodbye")
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("got %q, %v", rest, err)
	}
	o := m.outcome(t)
	if o.Class != proxy.ClassOK || o.Status != 101 || o.BytesIn != 8 || o.BytesOut != int64(len("first\nONE\nTWO\ngoodbye\n")) || !o.Reached {
		t.Errorf("outcome %+v", o)
	}
	if s := m.Stats(); s.Latency.Count() != 0 {
		t.Error("the time of an upgraded connection counts as latency")
	}
}

func TestAnUpgradeThatWasNotAskedForIs502(t *testing.T) {
	h, m := usual(t, upgrading)
	for _, request := range []string{
		fmt.Sprintf(upgradeRequest, "/other"),
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
	} {
		if res := h.exchange(request); res.StatusCode != http.StatusBadGateway {
			t.Errorf("%q: got %v", request, res.Status)
		}
		if o := m.outcome(t); o.Class != proxy.ClassTransport {
			t.Errorf("%q: outcome %+v", request, o)
		}
	}
}

func TestAnUpgradeThatTheModuleDeclinesIsAnOrdinaryAnswer(t *testing.T) {
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "no") })
	conn, r := h.raw()
	for range 2 { // the connection lives on
		fmt.Fprintf(conn, upgradeRequest, "/")
		res, err := http.ReadResponse(r, nil)
		if err != nil || res.StatusCode != 200 || read(t, res) != "no" {
			t.Fatalf("got %v, %v", res, err)
		}
	}
}

func TestADrainEndsUpgradedConnectionsWhenItsTimeIsOver(t *testing.T) {
	h, m := usual(t, upgrading)
	conn, r := h.raw()
	fmt.Fprintf(conn, upgradeRequest, "/")
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != 101 {
		t.Fatalf("got %v, %v", res, err)
	}
	_, _ = r.ReadString('\n')
	ctx, cancel := context.WithCancel(t.Context())
	drained := make(chan error)
	go func() { drained <- m.Drain(ctx, balance.Patience{}) }()
	fmt.Fprintln(conn, "still here")
	if line, err := r.ReadString('\n'); err != nil || line != "STILL HERE\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	cancel()
	if err := <-drained; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if rest, _ := io.ReadAll(r); len(rest) > 0 {
		t.Errorf("got %q", rest)
	}
	if o := m.outcome(t); o.Class != proxy.ClassDrained {
		t.Errorf("outcome %+v", o)
	}
}
