package conformance_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

func TestWhatTheHostLacksIsNotBlamedOnTheRelease(t *testing.T) {
	for _, c := range []struct {
		call  string
		errno syscall.Errno
	}{
		{"socket", syscall.EMFILE}, {"socket", syscall.ENFILE}, {"socket", syscall.ENOMEM}, {"socket", syscall.ENOBUFS},
		{"socket", syscall.EAGAIN}, {"connect", syscall.ENOMEM},
	} {
		logs, seen := observer.New(zap.InfoLevel)
		dials := 0
		outcomes := make(chan proxy.Outcome, 2)
		target := single("1.0.0", func(o balance.Observation) { outcomes <- o.Outcome }, balance.TargetConfig{
			Dial: func(context.Context) (net.Conn, error) {
				dials++
				return nil, &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError(c.call, c.errno)}
			},
		})
		h := newHouse(t, proxy.Config{Logger: zap.New(logs)}, stable(t, target))
		res := refused(t, h, "GET / HTTP/1.1\r\nHost: x", 503, "host-error", "hello", "out of resources")
		if res.Header.Get("Retry-After") == "" || res.Header.Get("Segue-Release") != "" {
			t.Errorf("%s %v: header %v", c.call, c.errno, res.Header)
		}
		if o := <-outcomes; o.Class != proxy.ClassHost || o.Err == nil {
			t.Errorf("%s %v: outcome %+v", c.call, c.errno, o)
		}
		if s := target.Stats(); s.Failed() != 0 || s.Classes[proxy.ClassHost] != 2 || dials != 2 {
			t.Errorf("%s %v: %d dials, %+v", c.call, c.errno, dials, s)
		}
		if seen.Len() != 1 {
			t.Errorf("%s %v: logged %v", c.call, c.errno, seen.All())
		}
	}
}

func TestARequestWithoutADescriptorLeftIs503(t *testing.T) {
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {})
	conn, r := h.raw()
	ask := func(path string) int {
		io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		read(t, res)
		return res.StatusCode
	}
	if status := ask("/%00"); status != 400 { // the connection is accepted
		t.Fatalf("got %d", status)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	status := ask("/")
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if status != 503 {
		t.Errorf("got %d", status)
	}
	if o := m.outcome(t); o.Class != proxy.ClassHost {
		t.Errorf("outcome %+v", o)
	}
	if status := ask("/"); status != 200 {
		t.Errorf("with descriptors again: got %d", status)
	}
}

// poor is a listener that first fails for want of each of these.
type poor struct {
	net.Listener
	mu    sync.Mutex
	lacks []syscall.Errno
}

func (p *poor) Accept() (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lacks) == 0 {
		return p.Listener.Accept()
	}
	errno := p.lacks[0]
	p.lacks = p.lacks[1:]
	return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", errno)}
}

func TestAcceptingOutlivesALackOfMeans(t *testing.T) {
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- h.engine.Serve(&poor{Listener: l, lacks: []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS}})
	}()
	h.addr = l.Addr().String()
	conn, r := h.raw()
	io.Copy(conn, strings.NewReader("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
	res, err := http.ReadResponse(r, nil)
	if err != nil || read(t, res) != "hello" {
		t.Fatalf("got %v, %v", res, err)
	}
	if len(served) != 0 {
		t.Errorf("serving ended: %v", <-served)
	}
	if err := h.engine.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
