package conformance_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
)

// shortly is a time-out that a test waits for.
const shortly = 300 * time.Millisecond

func echoPath(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) }

func echoBody(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Write(body)
}

// The rest of what httputil.ReverseProxy documents: answers are flushed as they come, a
// client that leaves ends its request, an answer that breaks off breaks off.
func TestEachPieceOfAnAnswerIsPassedOnAsItComes(t *testing.T) {
	for _, c := range []struct{ name, header string }{
		{"in chunks", ""}, {"events", "Content-Type: text/event-stream"}, {"with a length", "Content-Length: 30"},
	} {
		t.Run(c.name, func(t *testing.T) {
			next := make(chan struct{})
			h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) {
				if name, value, ok := strings.Cut(c.header, ": "); ok {
					w.Header().Set(name, value)
				}
				for range 3 {
					io.WriteString(w, "0123456789")
					_ = http.NewResponseController(w).Flush()
					<-next
				}
			})
			client := h.dial("")
			io.WriteString(client.conn, plainGet)
			for i := range 3 { // the next one comes only when this one is here
				for strings.Count(client.raw(), "0123456789") <= i {
					if err := client.more(); err != nil {
						t.Fatalf("piece %d: %v, %q", i, err, client.raw())
					}
				}
				next <- struct{}{}
			}
			answer, err := client.read()
			if err != nil || answer.body != strings.Repeat("0123456789", 3) {
				t.Errorf("got %q, %v", answer.body, err)
			}
		})
	}
}

func TestEachPieceOfABodyIsPassedOnAsItComes(t *testing.T) {
	for _, c := range []struct{ name, head, frame, end string }{
		{"in chunks", "Transfer-Encoding: chunked", "5\r\n%s\r\n", "0\r\n\r\n"}, {"with a length", "Content-Length: 15", "%s", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			pieces := make(chan string)
			h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) {
				for range 3 {
					piece := make([]byte, 5)
					_, _ = io.ReadFull(r.Body, piece)
					pieces <- string(piece)
				}
			})
			client := h.dial("POST")
			io.WriteString(client.conn, post("", c.head))
			for i := range 3 {
				want := fmt.Sprintf("pie%02d", i)
				fmt.Fprintf(client.conn, c.frame, want)
				select {
				case got := <-pieces:
					if got != want {
						t.Fatalf("got %q, want %q", got, want)
					}
				case <-time.After(patience):
					t.Fatalf("piece %d does not come", i)
				}
			}
			io.WriteString(client.conn, c.end)
			if answer, err := client.read(); err != nil || answer.Status != 200 {
				t.Errorf("got %v, %q", err, client.raw())
			}
			client.ends(t, false, "RFC 9112, 9.3")
		})
	}
}

func TestAClientThatLeavesInTheMiddleOfAnAnswerEndsItsRequest(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "the first half")
		_ = http.NewResponseController(w).Flush()
		close(began)
		<-r.Context().Done()
		close(ended)
	})
	client := h.dial("")
	io.WriteString(client.conn, plainGet)
	<-began
	for !strings.Contains(client.raw(), "half") {
		if err := client.more(); err != nil {
			t.Fatal(err)
		}
	}
	client.conn.Close()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the module's request goes on")
	}
	if o := m.outcome(t); o.Class != proxy.ClassClientGone || !o.Reached {
		t.Errorf("outcome %+v", o)
	}
}

// An answer may come before the body has been read, and be whole.
func TestAnAnswerBeforeTheEndOfTheBodyIsPassedOn(t *testing.T) {
	m := newModule(t, "1.0.0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		io.WriteString(w, "too much")
	}))
	h := newHouse(t, proxy.Config{}, stable(t, m.Release))
	client := h.dial("POST")
	io.WriteString(client.conn, post("", "Content-Length: 100000000"))
	go func() {
		for part := bytes.Repeat([]byte("x"), 64<<10); ; {
			if _, err := client.conn.Write(part); err != nil {
				return
			}
		}
	}()
	answer, err := client.read()
	if err != nil || answer.Status != 413 || answer.body != "too much" {
		t.Errorf("got %v, %q", err, client.raw())
	}
}
