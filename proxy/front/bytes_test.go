package front_test

import (
	"context"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/guard"
)

// whole are the bytes that an engine got, from the first to the last.
type whole struct{ engine, bytes string }

func TestEngineGetsEveryByteHoweverTheyCome(t *testing.T) {
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	got := make(chan whole, 1)
	keep := func(name string) *engine {
		return &engine{name: name, open: map[*proxy.Conn]struct{}{}, serve: func(conn *proxy.Conn, _ http.Handler) {
			all, _ := io.ReadAll(conn)
			got <- whole{name, string(all)}
		}}
	}
	f := front.New(front.Config{H1: keep("h1"), H2: keep("h2")})
	var served sync.WaitGroup
	t.Cleanup(func() {
		_ = f.Shutdown(context.Background())
		served.Wait()
	})
	authority := newAuthority(t)
	ports := map[string]front.Options{
		"clear": {}, "introduced": {Proxies: guard.NewTrust(loopback)},
		"secure": {TLS: serverTLS(authority)}, "secure and introduced": {Proxies: guard.NewTrust(loopback), TLS: serverTLS(authority)},
	}
	random := rand.New(rand.NewPCG(1, 2))
	for name, o := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served.Go(func() { _ = f.ServeWith(l, o) })
		for range 60 {
			sent := preface[:random.IntN(len(preface)+1)]
			want := "h1"
			if sent == preface && o.TLS == nil {
				want = "h2"
			}
			sent += "Q" + strings.Repeat("z", random.IntN(6000))
			conn := net.Conn(dial(t, l.Addr().String()))
			conn = &chopped{Conn: conn, random: random}
			if o.Proxies != nil {
				if _, err := io.WriteString(conn, "PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n"); err != nil {
					t.Fatal(err)
				}
			}
			if o.TLS != nil {
				conn = tls.Client(conn, &tls.Config{RootCAs: authority.pool, ServerName: "a.test"})
			}
			if _, err := io.WriteString(conn, sent); err != nil {
				t.Fatal(err)
			}
			if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			select {
			case w := <-got:
				if w != (whole{want, sent}) {
					t.Fatalf("%s: %s got %.80q (%d bytes), want %s with %.80q (%d)", name, w.engine, w.bytes, len(w.bytes), want, sent, len(sent))
				}
			case <-time.After(patience):
				t.Fatalf("%s: %.80q (%d bytes) reached nobody", name, sent, len(sent))
			}
			conn.Close()
		}
	}
}

// chopped writes in pieces of random sizes.
type chopped struct {
	net.Conn
	random *rand.Rand
}

func (c *chopped) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = c.Conn.Write(p[n : n+1+c.random.IntN(min(len(p)-n, 1+c.random.IntN(40)))])
		if n += m; n > 100 { // the rest at once
			m, err = c.Conn.Write(p[n:])
			return n + m, err
		}
	}
	return n, err
}

func (c *chopped) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }
