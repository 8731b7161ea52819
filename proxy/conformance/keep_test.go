package conformance_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// pattern is n bytes that differ from place to place.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8 + i>>16)
	}
	return b
}

func TestABodyIsSentAgainWhole(t *testing.T) {
	half := func(w http.ResponseWriter, r *http.Request) {
		io.CopyN(io.Discard, r.Body, r.ContentLength/2+1000)
		breakOffAfter("")(w, r)
	}
	for name, handler := range map[string]http.HandlerFunc{
		"nothing was read":    breakOffAfter(""),
		"a part was read":     half,
		"everything was read": func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); breakOffAfter("")(w, r) },
		"answered early":      func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) },
		"a 5xx in the midst": func(w http.ResponseWriter, r *http.Request) {
			io.CopyN(io.Discard, r.Body, 1)
			w.WriteHeader(502)
		},
	} {
		for _, size := range []int{1, 1023, 5000, 100_000, 900_000} {
			for _, chunked := range []bool{false, true} {
				t.Run(fmt.Sprint(name, " ", size, " ", chunked), func(t *testing.T) {
					h, g, stableOne, _ := shielded(t, proxy.Config{}, everywhere, handler)
					sent := pattern(size)
					var body io.Reader = bytes.NewReader(sent)
					if chunked {
						body = struct{ io.Reader }{body}
					}
					req, _ := http.NewRequest("POST", h.url("/"), body)
					req.GetBody = nil
					res, err := h.client.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					if got := read(t, res); res.StatusCode != 200 || sha256.Sum256([]byte(got)) != sha256.Sum256(sent) {
						t.Errorf("got %v with %d bytes", res.Status, len(got))
					}
					if o := stableOne.outcome(t); o.BytesIn != int64(size) {
						t.Errorf("outcome %+v", o)
					}
					if s := g.Stats().Shield; s.Rescued != 1 {
						t.Errorf("%+v", s)
					}
					givenBack(t, h)
				})
			}
		}
	}
}

// givenBack waits for the memory of all bodies to be free.
func givenBack(t testing.TB, h *house) {
	t.Helper()
	for deadline := time.Now().Add(patience); h.engine.Stats().Kept != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are kept for nobody", h.engine.Stats().Kept)
		}
	}
}

// A client sends a part, the candidate fails, stable answers the part, and only then
// the client goes on.
func TestWhatWasSentReachesStableBeforeTheRestIsSent(t *testing.T) {
	parts := make(chan string, 10)
	stableOne := newModule(t, "1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		in := bufio.NewReader(r.Body)
		for range 2 {
			part, err := in.ReadString('\n')
			if err != nil {
				t.Errorf("after %q: %v", part, err)
			}
			parts <- part
			io.WriteString(w, part)
			_ = http.NewResponseController(w).Flush()
		}
		rest, _ := io.ReadAll(in)
		parts <- string(rest) + r.Trailer.Get("X-Sum")
	}))
	candidate := newModule(t, "2", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.CopyN(io.Discard, r.Body, 1)
		breakOffAfter("HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n")(w, r)
	}))
	g := stable(t)
	if err := g.Apply(balance.Split{Rollout: "r", Shield: &everywhere, Shares: []balance.Share{
		{Release: candidate.Release, Weight: balance.Full}, {Release: stableOne.Release, Stable: true}}}); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, proxy.Config{}, g)
	conn, r := h.raw()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n6\r\nfirst\n\r\n")
	if got := <-parts; got != "first\n" {
		t.Fatalf("got %q", got)
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.Header.Get("Segue-Release") != "hello@1" {
		t.Fatalf("got %v, %v", res, err)
	}
	io.WriteString(conn, "7\r\nsecond\n\r\n")
	if got := <-parts; got != "second\n" {
		t.Fatalf("got %q", got)
	}
	io.WriteString(conn, "4\r\nrest\r\n0\r\nX-Sum: 17\r\n\r\n")
	if got := <-parts; got != "rest17" {
		t.Errorf("got %q", got)
	}
	if body := read(t, res); body != "first\nsecond\n" {
		t.Errorf("got %q", body)
	}
	givenBack(t, h)
}

func TestABodyThatIsNotKeptIsNotSentAgain(t *testing.T) {
	fail := func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(500)
	}
	small := everywhere
	small.Keep = 1000
	for _, c := range []struct {
		name   string
		shield balance.Shield
		memory int64
		size   int
		want   int
	}{
		{"as long as allowed", small, 0, 1000, 200},
		{"longer", small, 0, 1001, 500},
		{"as much memory as there is", everywhere, 3 << 10, 3 << 10, 200},
		{"more", everywhere, 3 << 10, 3<<10 + 1, 500},
		{"no memory", everywhere, 1, 1, 500},
		{"no body needs none", everywhere, 1, 0, 200},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, " ", chunked), func(t *testing.T) {
				h, g, _, _ := shielded(t, proxy.Config{ReplayMemory: c.memory}, c.shield, fail)
				var body io.Reader = bytes.NewReader(pattern(c.size))
				if chunked {
					body = struct{ io.Reader }{body}
				}
				if c.size == 0 {
					body = nil
				}
				req, _ := http.NewRequest("POST", h.url("/"), body)
				res, err := h.client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				if read(t, res); res.StatusCode != c.want {
					t.Errorf("got %v", res.Status)
				}
				want := balance.ShieldStats{Replayed: 1, Rescued: 1}
				if c.want == 500 {
					want = balance.ShieldStats{Unkept: 1}
				}
				if s := g.Stats().Shield; s != want {
					t.Errorf("%+v", s)
				}
				givenBack(t, h)
			})
		}
	}
}

func TestTheMemoryIsSharedAndGivenBack(t *testing.T) {
	hold := make(chan struct{})
	var uploading atomic.Int64
	h, g, _, _ := shielded(t, proxy.Config{ReplayMemory: 1 << 10}, everywhere, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		uploading.Add(1)
		if r.URL.Path == "/hold" {
			<-hold
		}
		w.WriteHeader(500)
	})
	post := func(path string) int {
		res, err := h.client.Post(h.url(path), "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Error(err)
			return 0
		}
		read(t, res)
		return res.StatusCode
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if status := post("/hold"); status != 200 {
			t.Errorf("the first got %d", status)
		}
	})
	for deadline := time.Now().Add(patience); uploading.Load() == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if status := post("/"); status != 500 {
		t.Errorf("got %d where all memory was taken", status)
	}
	close(hold)
	wg.Wait()
	givenBack(t, h)
	if status := post("/"); status != 200 {
		t.Errorf("got %d with memory again", status)
	}
	if s := g.Stats().Shield; s.Unkept != 1 || s.Rescued != 2 {
		t.Errorf("%+v", s)
	}
}

func TestABodyThatStandsGivesItsMemoryBackBeforeItsAnswerEnds(t *testing.T) {
	finish := make(chan struct{})
	h, _, _, _ := shielded(t, proxy.Config{}, everywhere, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		_ = http.NewResponseController(w).Flush()
		<-finish
		io.WriteString(w, "done")
	})
	res, err := h.client.Post(h.url("/"), "text/plain", bytes.NewReader(pattern(50_000)))
	if err != nil {
		t.Fatal(err)
	}
	givenBack(t, h)
	close(finish)
	if body := read(t, res); body != "done" {
		t.Errorf("got %q", body)
	}
}
