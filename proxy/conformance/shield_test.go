package conformance_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// everywhere shields every method on every route.
var everywhere = balance.Shield{Matches: []proxy.Match{{Path: "/"}}}

// shielded sends everything to a candidate with that handler, and what it fails to a
// stable that echoes.
func shielded(t testing.TB, cfg proxy.Config, s balance.Shield, handler http.HandlerFunc) (h *house, g *balance.Group, stableOne, candidate *module) {
	t.Helper()
	stableOne, candidate = newModule(t, "1", http.HandlerFunc(echo)), newModule(t, "2", handler)
	g = stable(t)
	if err := g.Apply(balance.Split{Rollout: "r", Shield: &s, Shares: []balance.Share{
		{Release: candidate.Release, Weight: balance.Full}, {Release: stableOne.Release, Stable: true}}}); err != nil {
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
				h, g, stableOne, candidate := shielded(t, proxy.Config{Timeouts: proxy.Timeouts{Answer: 300 * time.Millisecond}}, everywhere, c.handler)
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
	h, g, _, candidate := shielded(t, proxy.Config{}, everywhere, func(w http.ResponseWriter, r *http.Request) {
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
	h, g, _, candidate := shielded(t, proxy.Config{}, balance.Shield{}, func(w http.ResponseWriter, r *http.Request) {
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
	h, g, stableOne, candidate := shielded(t, proxy.Config{}, everywhere, func(w http.ResponseWriter, r *http.Request) {
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

func TestAClientThatWaitsToBeAskedIsAskedByStable(t *testing.T) {
	h, _, _, _ := shielded(t, proxy.Config{}, everywhere, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) })
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
		{Release: candidate.Release, Weight: balance.Full}, {Release: stableOne.Release, Stable: true}}}); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, proxy.Config{}, g)
	res := h.exchange("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 17\r\n\r\n")
	if body := read(t, res); body != "hi 17" {
		t.Errorf("got %v %q", res.Status, body)
	}
}

func TestAnUpgradeIsReplayedOnlyBeforeItIsAgreedTo(t *testing.T) {
	upgrade := "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
	agreed := "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
	for answer, want := range map[string]string{"": "hello@1", agreed: "hello@2"} {
		h, _, _, _ := shielded(t, proxy.Config{}, everywhere, breakOffAfter(answer))
		if res := h.exchange(upgrade); res.Header.Get("Segue-Release") != want {
			t.Errorf("%q: got %v %v", answer, res.Status, res.Header)
		}
	}
}

func TestUnderLoadNobodySeesACandidateThatCrashes(t *testing.T) {
	var n, answering atomic.Int64
	var ending atomic.Bool // no more whole answers: one that breaks off is nobody's to mend
	crash := func(w http.ResponseWriter, r *http.Request) {
		which := n.Add(1) % 4
		if which == 0 {
			answering.Add(1)
			defer answering.Add(-1)
		}
		switch {
		case which == 0 && !ending.Load():
			echo(w, r)
		case which == 1:
			w.WriteHeader(500)
		case which == 2:
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
		{Release: candidate.Release, Weight: 5000}, {Release: stableOne.Release, Weight: 5000, Stable: true}}}
	if err := g.Apply(s); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, proxy.Config{}, g)
	stop := make(chan struct{})
	requests, wait := load(t, h, stop)
	until := func(done func() bool) {
		for deadline := time.Now().Add(patience); !done() && !t.Failed() && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}
	until(func() bool { return candidate.Rescued() >= 300 })
	ending.Store(true)
	until(func() bool { return answering.Load() == 0 })
	reached := requests.Load()
	until(func() bool { return requests.Load() > reached+100 }) // what was being sent has come
	candidate.server.Listener.Close()                           // now it cannot even be reached
	candidate.server.CloseClientConnections()
	reached = requests.Load()
	until(func() bool { return requests.Load() > reached+200 })
	close(stop)
	wait()
	if s := g.Stats().Shield; s.Rescued < 300 || s.Unkept+s.OverBudget+s.Uncovered != 0 {
		t.Errorf("%+v", s)
	}
	givenBack(t, h)
}
