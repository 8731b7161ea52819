package nethttp_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/nethttp"
)

// everywhere shields every method on every route.
var everywhere = balance.Shield{Matches: []balance.Match{{Path: "/"}}}

// shielded sends everything to a candidate with that handler, and what it fails to a
// stable that echoes.
func shielded(t testing.TB, cfg nethttp.Config, s balance.Shield, handler http.HandlerFunc) (h *house, g *balance.Group, stableOne, candidate *module) {
	t.Helper()
	stableOne, candidate = newModule(t, "1", http.HandlerFunc(echo)), newModule(t, "2", handler)
	g = stable(t)
	if err := g.Apply(balance.Split{Rollout: "r", Shield: &s, Shares: []balance.Share{
		{Target: candidate.Target, Weight: balance.Full}, {Target: stableOne.Target, Stable: true}}}); err != nil {
		t.Fatal(err)
	}
	return newHouse(t, cfg, g), g, stableOne, candidate
}

// breakOffAfter answers with what is given and ends the connection.
func breakOffAfter(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, _, _ := http.NewResponseController(w).Hijack()
		io.WriteString(conn, answer)
		conn.Close()
	}
}

// hang answers nothing until its caller is gone, which a server notices only when it
// has read the body.
func hang(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func TestTheClientSeesOnlyStablesAnswer(t *testing.T) {
	refuse := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Candidate", "yes")
		w.Header().Set("Set-Cookie", "broken=1")
		http.Error(w, strings.Repeat("broken ", 10000), 500)
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		class   proxy.Class
	}{
		{"a 5xx", refuse, proxy.ClassServerError},
		{"a 5xx whose body hangs", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(503)
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		}, proxy.ClassServerError},
		{"a crash before the answer", breakOffAfter(""), proxy.ClassTransport},
		{"a crash in the head", breakOffAfter("HTTP/1.1 200 OK\r\nContent-Le"), proxy.ClassTransport},
		{"a crash after a hint", breakOffAfter(hint), proxy.ClassTransport},
		{"no HTTP", breakOffAfter("what?\r\n\r\n"), proxy.ClassTransport},
		{"a protocol that was not asked for", breakOffAfter("HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), proxy.ClassTransport},
		{"a hang", hang, proxy.ClassTimeout},
	} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			t.Run(c.name+" "+method, func(t *testing.T) {
				h, g, stableOne, candidate := shielded(t, nethttp.Config{AnswerTimeout: 300 * time.Millisecond}, everywhere, c.handler)
				var body io.Reader
				if method == "POST" {
					body = strings.NewReader("hello")
				}
				req, _ := http.NewRequest(method, h.url("/x"), body)
				res, err := h.client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				if got := read(t, res); res.StatusCode != 200 || method != "HEAD" && got != "hello" {
					t.Errorf("got %v %q", res.Status, got)
				}
				if res.Header.Get("Segue-Release") != "hello@1" || res.Header.Get("X-Candidate") != "" || res.Header.Get("Set-Cookie") != "" {
					t.Errorf("got %v", res.Header)
				}
				if o := candidate.outcome(t); o.Class != c.class || o.Reached || !o.Dealt || o.BytesOut != 0 {
					t.Errorf("the candidate's outcome: %+v", o)
				}
				if o := stableOne.outcome(t); o.Class != proxy.ClassOK || o.Dealt || method == "POST" && o.BytesIn != 5 {
					t.Errorf("stable's outcome: %+v", o)
				}
				if s := g.Stats().Shield; s != (balance.ShieldStats{Replayed: 1, Rescued: 1}) || candidate.Rescued() != 1 {
					t.Errorf("%+v", s)
				}
				if s := h.engine.Stats(); s.Replayed != 1 || s.Retried != 0 {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

func TestAnAnswerThatHasBegunIsNotReplayed(t *testing.T) {
	h, g, _, candidate := shielded(t, nethttp.Config{}, everywhere, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Repeat("x", 100_000))
		panic(http.ErrAbortHandler)
	})
	res, err := h.client.Get(h.url("/"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("a broken answer came to its end")
	}
	if o := candidate.outcome(t); o.Class != proxy.ClassTransport || !o.Reached {
		t.Errorf("outcome %+v", o)
	}
	if s := g.Stats().Shield; s != (balance.ShieldStats{}) {
		t.Errorf("%+v", s)
	}
}

func TestAFailureThatIsNotCoveredStands(t *testing.T) {
	h, g, _, candidate := shielded(t, nethttp.Config{}, balance.Shield{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Candidate", "yes")
		w.WriteHeader(500)
		io.WriteString(w, "sorry")
	})
	res, err := h.client.Post(h.url("/"), "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	if body := read(t, res); res.StatusCode != 500 || body != "sorry" || res.Header.Get("X-Candidate") != "yes" || res.Header.Get("Segue-Release") != "hello@2" {
		t.Errorf("got %v %q", res.Status, body)
	}
	if o := candidate.outcome(t); o.Class != proxy.ClassServerError || !o.Reached || o.BytesOut != 5 || o.BytesIn != 1 {
		t.Errorf("outcome %+v", o)
	}
	if s := g.Stats().Shield; s != (balance.ShieldStats{Uncovered: 1}) {
		t.Errorf("%+v", s)
	}
}

func TestAClientThatGoesAwayIsNotReplayed(t *testing.T) {
	began := make(chan struct{})
	h, g, stableOne, candidate := shielded(t, nethttp.Config{}, everywhere, func(w http.ResponseWriter, r *http.Request) {
		close(began)
		hang(w, r)
	})
	conn, _ := h.raw()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	conn.Close()
	if o := candidate.outcome(t); o.Class != proxy.ClassClientGone {
		t.Errorf("outcome %+v", o)
	}
	if s := g.Stats().Shield; s != (balance.ShieldStats{}) || stableOne.Stats().Requests != 0 {
		t.Errorf("%+v", s)
	}
}

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
					h, g, stableOne, _ := shielded(t, nethttp.Config{}, everywhere, handler)
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
		{Target: candidate.Target, Weight: balance.Full}, {Target: stableOne.Target, Stable: true}}}); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, nethttp.Config{}, g)
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

func TestAClientThatWaitsToBeAskedIsAskedByStable(t *testing.T) {
	h, _, _, _ := shielded(t, nethttp.Config{}, everywhere, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) })
	conn, r := h.raw()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != 100 {
		t.Fatalf("got %v, %v", res, err)
	}
	io.WriteString(conn, "hello")
	if res, err = http.ReadResponse(r, nil); err != nil || res.StatusCode != 200 || read(t, res) != "hello" {
		t.Fatalf("got %v, %v", res, err)
	}
}

func TestTrailersAreSentAgain(t *testing.T) {
	stableOne := newModule(t, "1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", body, r.Trailer.Get("X-Sum"))
	}))
	candidate := newModule(t, "2", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(500)
	}))
	g := stable(t)
	if err := g.Apply(balance.Split{Shield: &everywhere, Shares: []balance.Share{
		{Target: candidate.Target, Weight: balance.Full}, {Target: stableOne.Target, Stable: true}}}); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, nethttp.Config{}, g)
	res := h.exchange("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 17\r\n\r\n")
	if body := read(t, res); body != "hi 17" {
		t.Errorf("got %v %q", res.Status, body)
	}
}

func TestAnUpgradeIsReplayedOnlyBeforeItIsAgreedTo(t *testing.T) {
	upgrade := "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
	agreed := "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
	for answer, want := range map[string]string{"": "hello@1", agreed: "hello@2"} {
		h, _, _, _ := shielded(t, nethttp.Config{}, everywhere, breakOffAfter(answer))
		if res := h.exchange(upgrade); res.Header.Get("Segue-Release") != want {
			t.Errorf("%q: got %v %v", answer, res.Status, res.Header)
		}
	}
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
				h, g, _, _ := shielded(t, nethttp.Config{ReplayMemory: c.memory}, c.shield, fail)
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
	h, g, _, _ := shielded(t, nethttp.Config{ReplayMemory: 1 << 10}, everywhere, func(w http.ResponseWriter, r *http.Request) {
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
	h, _, _, _ := shielded(t, nethttp.Config{}, everywhere, func(w http.ResponseWriter, r *http.Request) {
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

func TestUnderLoadNobodySeesACandidateThatCrashes(t *testing.T) {
	var n atomic.Int64
	crash := func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) % 4 {
		case 0:
			echo(w, r)
		case 1:
			w.WriteHeader(500)
		case 2:
			io.CopyN(io.Discard, r.Body, 100)
			breakOffAfter("")(w, r)
		default:
			io.Copy(io.Discard, r.Body)
			breakOffAfter("HTTP/1.1 ")(w, r)
		}
	}
	whole := everywhere
	whole.Budget = balance.Full
	stableOne, candidate := newModule(t, "1", http.HandlerFunc(echo)), newModule(t, "2", http.HandlerFunc(crash))
	g := stable(t)
	s := balance.Split{Rollout: "r", Shield: &whole, Shares: []balance.Share{
		{Target: candidate.Target, Weight: 5000}, {Target: stableOne.Target, Weight: 5000, Stable: true}}}
	if err := g.Apply(s); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, nethttp.Config{}, g)
	stop := make(chan struct{})
	requests, wait := load(t, h, stop)
	until := func(done func() bool) {
		for deadline := time.Now().Add(patience); !done() && !t.Failed() && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}
	until(func() bool { return candidate.Rescued() >= 300 })
	candidate.server.Listener.Close() // now it cannot even be reached
	candidate.server.CloseClientConnections()
	reached := requests.Load()
	until(func() bool { return requests.Load() > reached+200 })
	close(stop)
	wait()
	if s := g.Stats().Shield; s.Rescued < 300 || s.Unkept+s.OverBudget+s.Uncovered != 0 {
		t.Errorf("%+v", s)
	}
	givenBack(t, h)
}

// recorded is a tap that writes down what it is shown.
type recorded struct {
	mu    sync.Mutex
	steps []string
	ended chan bool
}

func newRecorded() *recorded { return &recorded{ended: make(chan bool, 1)} }

func (r *recorded) note(kind string, p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last := len(r.steps) - 1; last >= 0 && strings.HasPrefix(r.steps[last], kind) {
		r.steps[last] += string(p)
		return
	}
	r.steps = append(r.steps, kind+string(p))
}

func (r *recorded) Sent(p []byte)                  { r.note("sent ", p) }
func (r *recorded) Head(status int, _ http.Header) { r.note("head ", fmt.Append(nil, status)) }
func (r *recorded) Body(p []byte)                  { r.note("body ", p) }
func (r *recorded) End(whole bool)                 { r.ended <- whole }

func TestATapIsShownWhatPasses(t *testing.T) {
	m := newModule(t, "1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/broken":
			io.WriteString(w, strings.Repeat("x", 10_000))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "/crash":
			breakOffAfter("")(w, r)
		default:
			echo(w, r)
		}
	}))
	for _, c := range []struct {
		request string
		whole   bool
		want    []string
	}{
		{"GET /?a=1", true, []string{"head 200", "body hello"}},
		{"POST /", true, []string{"sent bytes", "head 200", "body bytes"}},
		{"GET /broken", false, []string{"head 200", "body " + strings.Repeat("x", 10_000)}},
		{"GET /crash", false, nil},
	} {
		g, made := stable(t), newRecorded()
		if err := g.Apply(balance.Split{Shares: []balance.Share{{Target: m.Target, Weight: balance.Full, Stable: true}},
			Tap: func(r *proxy.Request) proxy.Tap {
				if path, query, _ := strings.Cut(strings.Fields(c.request)[1], "?"); r.Path != path || r.Query != query {
					t.Errorf("%s: asked for %s?%s", c.request, r.Path, r.Query)
				}
				return made
			}}); err != nil {
			t.Fatal(err)
		}
		h := newHouse(t, nethttp.Config{}, g)
		method, target, _ := strings.Cut(c.request, " ")
		var body io.Reader
		if method == "POST" {
			body = strings.NewReader("bytes")
		}
		req, _ := http.NewRequest(method, h.url(target), body)
		if res, err := h.client.Do(req); err == nil {
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		if whole := <-made.ended; whole != c.whole || !slices.Equal(made.steps, c.want) {
			t.Errorf("%s: %.100q, whole %v", c.request, made.steps, whole)
		}
	}
}

func TestATapThatWasNotShownTheWholeRequestIsTold(t *testing.T) {
	m := newModule(t, "1", answering("HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n"))
	g, made := stable(t), newRecorded()
	if err := g.Apply(balance.Split{Shares: []balance.Share{{Target: m.Target, Weight: balance.Full, Stable: true}},
		Tap: func(*proxy.Request) proxy.Tap { return made }}); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, nethttp.Config{}, g)
	conn, r := h.raw()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != 403 {
		t.Fatalf("got %v, %v", res, err)
	}
	if whole := <-made.ended; whole {
		t.Error("half a request is whole")
	}
}

func TestTheModulesOwnTimeIsNotTheClients(t *testing.T) {
	const pause = 100 * time.Millisecond
	h, m := front(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/slow" {
			time.Sleep(pause)
		}
		_ = http.NewResponseController(w).Flush()
		time.Sleep(2 * pause) // after the head
		if r.URL.Path == "/crash" {
			panic(http.ErrAbortHandler)
		}
	})
	upload := func(path string) {
		conn, r := h.raw()
		io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
		time.Sleep(3 * pause)
		io.WriteString(conn, "b")
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
	}
	upload("/slow")
	if o := m.outcome(t); o.Wait < pause || o.Wait > o.Duration-5*pause || o.Duration < 6*pause {
		t.Errorf("waited %s of %s", o.Wait, o.Duration)
	}
	upload("/quick")
	if o := m.outcome(t); o.Wait > o.Duration-5*pause {
		t.Errorf("waited %s of %s", o.Wait, o.Duration)
	}
	upload("/crash")
	if o := m.outcome(t); !errors.Is(o.Err, io.ErrUnexpectedEOF) || o.Wait > o.Duration-5*pause {
		t.Errorf("waited %s of %s: %v", o.Wait, o.Duration, o.Err)
	}
	if l := m.Latency(); l.Count() != 3 || l.Sum() > 10*pause {
		t.Errorf("latency of %d, together %s", l.Count(), l.Sum())
	}
}
