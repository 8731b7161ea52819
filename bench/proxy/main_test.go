package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "as" { // a child of the test
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

func TestEachKindOfLoadIsAnsweredThroughSegueAndTheReverseProxy(t *testing.T) {
	measured, err := choose(arms, "segue,reverseproxy", arm.title)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBed(t.Context(), t.TempDir(), measured)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	for _, k := range kinds {
		results, err := b.measure(t.Context(), config{span: 100 * time.Millisecond, rounds: 1, conns: 4}, k)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.rate[0] <= 0 || len(r.latencies) == 0 || r.memory <= 0 {
				t.Errorf("%s of %s: %+v", k.name, r.arm, r)
			}
		}
	}
}

func TestAnAnswerThatIsNotTheBackendsIsAnError(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, answer := range []string{
		"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 512\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = conn.Read(make([]byte, 1000))
			_, _ = conn.Write([]byte(answer))
		}()
		conn, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if err := of(kinds[0], conn).ask(); err == nil {
			t.Errorf("%q was taken", answer)
		}
		conn.Close()
		<-done
	}
}

func TestWhatIsNotKnownIsNotMeasured(t *testing.T) {
	if err := run(context.Background(), config{}, "apache", ""); err == nil {
		t.Error("no error")
	}
}
