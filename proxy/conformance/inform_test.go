package conformance_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/route"
)

const hint = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"

func TestAModuleThatOnlyHintsIsBroken(t *testing.T) {
	long := strings.Replace(hint, "/style.css", strings.Repeat("x", 30<<10), 1)
	whole := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
	for _, c := range []struct {
		name, answer string
		status       int
	}{
		{"as many as allowed", strings.Repeat(hint, 16) + whole, 200},
		{"one more", strings.Repeat(hint, 17) + whole, 502},
		{"as long as allowed", long + long + whole, 200},
		{"longer", long + long + long + whole, 502},
		{"nothing but a request for the body", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 17) + whole, 502},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, m := usual(t, answering(c.answer))
			conn, r := h.raw()
			io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			res, err := http.ReadResponse(r, nil)
			for err == nil && res.StatusCode == http.StatusEarlyHints {
				res, err = http.ReadResponse(r, nil)
			}
			if err != nil || res.StatusCode != c.status {
				t.Fatalf("got %v, %v", res, err)
			}
			if o := m.outcome(t); o.Class.Failed() != (c.status != 200) {
				t.Errorf("outcome %+v", o)
			}
		})
	}
}

// net/http writes the 100 while it reads the body, on another goroutine than hints.
func TestAClientThatExpectsToBeAskedForItsBodyHearsNothingElse(t *testing.T) {
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) {
		conn, rw, _ := http.NewResponseController(w).Hijack()
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n"+strings.Repeat(hint, 10))
		_, _ = io.ReadFull(rw, make([]byte, 4))
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi")
	})
	for range 20 {
		conn, r := h.raw()
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
		for _, want := range []int{100, 200} {
			res, err := http.ReadResponse(r, nil)
			if err != nil || res.StatusCode != want {
				t.Fatalf("got %v, %v, want %d", res, err, want)
			}
			if want == 100 {
				io.WriteString(conn, "body")
			}
		}
		conn.Close()
	}
}

// pipes is a listener of connections that hold nothing: what is not read is not
// written either.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p.conns; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p *pipes) Close() error { p.once.Do(func() { close(p.conns) }); return nil }

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// firstWrite is a connection that says when something is written to it.
type firstWrite struct {
	net.Conn
	begins func()
}

func (c *firstWrite) Write(p []byte) (int, error) {
	c.begins()
	return c.Conn.Write(p)
}

// deaf is a client that has asked a module that hints and then is silent, and reads
// nothing: the hint is being written.
func deaf(t *testing.T) (target *balance.Release, seen chan proxy.Outcome) {
	seen = make(chan proxy.Outcome, 1)
	target = single("1.0.0", func(o balance.Observation) { seen <- o.Outcome }, balance.TargetConfig{
		Dial: func(context.Context) (net.Conn, error) {
			engine, module := net.Pipe()
			go func() {
				defer module.Close()
				_, _ = http.ReadRequest(bufio.NewReader(module))
				io.WriteString(module, hint)
				_, _ = module.Read(make([]byte, 1)) // until the engine lets go
			}()
			return engine, nil
		},
	})
	table, err := route.Build([]route.Entry{{Path: "/", Module: "hello"}})
	if err != nil {
		t.Fatal(err)
	}
	pool := new(balance.Pool)
	if err := pool.Set(table, stable(t, target)); err != nil {
		t.Fatal(err)
	}
	e := newFront(proxy.Config{Director: pool})
	l := &pipes{conns: make(chan net.Conn)}
	served := make(chan error, 1)
	go func() { served <- e.Serve(l) }()
	client, engine := net.Pipe()
	writing := make(chan struct{})
	l.conns <- &firstWrite{Conn: engine, begins: sync.OnceFunc(func() { close(writing) })}
	io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	t.Cleanup(func() {
		client.Close()
		if err := e.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
	})
	<-writing
	return target, seen
}

func TestAClientThatDoesNotReadAHintLosesItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, seen := deaf(t)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(seen) != 1 {
			t.Fatal("the request goes on")
		}
		if o := <-seen; o.Class != proxy.ClassClientGone {
			t.Errorf("outcome %+v", o)
		}
	})
}

func TestADrainIsNotHeldUpByAHintThatIsNotRead(t *testing.T) {
	target, seen := deaf(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	drained := make(chan error, 1)
	go func() { drained <- target.Drain(ctx, balance.Patience{}) }()
	select {
	case err := <-drained:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the drain goes on")
	}
	if s := target.State(); s != balance.TargetRetired {
		t.Fatalf("the target is %s", s)
	}
	if o := <-seen; o.Class != proxy.ClassDrained {
		t.Errorf("outcome %+v", o)
	}
}
