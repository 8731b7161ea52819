package front_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/nethttp"
	"github.com/segue-run/segue/proxy/route"
)

// memory is what the process holds in its heap and its stacks.
func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

func TestConnectionThatHasSentNothingCostsLittle(t *testing.T) {
	const most = 12 << 10 // bytes for each, the client's side and the goroutine's stack too
	h := newHouse(t, front.Config{})
	authority := newAuthority(t)
	for name, o := range map[string]front.Options{"in clear text": {}, "over TLS": {TLS: serverTLS(authority)}} {
		addr := h.listen(o)
		before, open := memory(), h.Counts().Open
		const count = 1000
		for i := range count {
			dial(t, addr, fmt.Sprint("127.0.0.", 1+i%8))
		}
		eventually(t, "all have come", func() bool { return h.Counts().Open-open == count })
		each := (int64(memory()) - int64(before)) / count
		t.Logf("%s: %d bytes for each", name, each)
		if each > most {
			t.Errorf("%s: %d bytes for each", name, each)
		}
	}
}

// newProxy is an engine before a real module, behind a front.
func newProxy(t *testing.T, cfg front.Config) string {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	module := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Path)
	})}}
	module.Start()
	t.Cleanup(module.Close)
	var dialer net.Dialer
	release := balance.NewRelease(balance.ReleaseConfig{Labels: proxy.Labels{Module: "hello", Version: "1.0.0"}})
	release.Add(balance.TargetConfig{Instance: "i",
		Dial: func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "unix", l.Addr().String()) }})
	group := balance.NewGroup(balance.GroupConfig{Module: "hello"})
	if err := group.Apply(balance.Split{Shares: []balance.Share{{Release: release, Weight: balance.Full, Stable: true}}}); err != nil {
		t.Fatal(err)
	}
	table, err := route.Build([]route.Entry{{Path: "/", Module: "hello"}})
	if err != nil {
		t.Fatal(err)
	}
	pool := new(balance.Pool)
	if err := pool.Set(table, group); err != nil {
		t.Fatal(err)
	}
	engine := nethttp.New(proxy.Config{Director: pool})
	cfg.H1, cfg.H2 = engine, engine
	f := front.New(cfg)
	outer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		if err := f.Serve(outer); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = f.Shutdown(ctx)
		served.Wait()
	})
	return outer.Addr().String()
}

// TestManySlowAndIdleConnectionsHinderNobody is the short form of bench/slow.
func TestManySlowAndIdleConnectionsHinderNobody(t *testing.T) {
	const slow, idle, requests = 200, 1000, 600
	addr := newProxy(t, front.Config{})
	before := memory()
	var crowd []net.Conn
	for i := range idle {
		conn := dial(t, addr, fmt.Sprint("127.0.0.", 1+i%8))
		crowd = append(crowd, conn)
		if i%2 == 0 {
			continue // never sends anything
		}
		if got := fetch(t, conn, "/idle"); got != "/idle" {
			t.Fatalf("answered %q", got)
		}
	}
	var stop atomic.Bool
	var dribbling sync.WaitGroup
	for i := range slow {
		conn := dial(t, addr, fmt.Sprint("127.0.0.", 11+i%8))
		dribbling.Go(func() {
			for at := 0; !stop.Load(); at++ {
				const head = "POST /slow HTTP/1.1\r\nHost: a\r\nX-Slow: "
				c := byte('x')
				if at < len(head) {
					c = head[at]
				}
				if _, err := conn.Write([]byte{c}); err != nil {
					return // shut out
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	conns := []net.Conn{dial(t, addr), dial(t, addr)}
	for i := range requests {
		want := fmt.Sprint("/", i)
		conn := conns[i%2]
		if i%5 == 0 {
			conn = dial(t, addr)
		}
		if got := fetch(t, conn, want); got != want {
			t.Fatalf("answered %q", got)
		}
		time.Sleep(time.Millisecond)
	}
	stop.Store(true)
	dribbling.Wait()
	const most = 64 << 10
	if each := (int64(memory()) - int64(before)) / (slow + idle); each > most {
		t.Errorf("%d bytes for each connection", each)
	} else {
		t.Logf("%d bytes for each connection", each)
	}
	for _, conn := range crowd {
		if got := fetch(t, conn, "/after"); got != "/after" {
			t.Fatalf("answered %q", got)
		}
	}
}
