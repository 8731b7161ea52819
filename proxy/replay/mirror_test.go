package replay_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/replay"
)

func newMirror(t testing.TB, cfg replay.MirrorConfig) *replay.Mirror {
	t.Helper()
	m, err := replay.NewMirror(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func unreachable(context.Context) (net.Conn, error) { return nil, errors.New("nobody there") }

func TestLiveRequestsAreCopiedAndTheAnswersCompared(t *testing.T) {
	echo := func(version string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", "text/plain")
			_, _ = fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.RequestURI, r.Host, body, r.Header.Get("Authorization"))
			if r.URL.Path == "/orders/9" {
				_, _ = io.WriteString(w, version)
			}
		}
	}
	var copies atomic.Int64
	candidate := module(t, func(w http.ResponseWriter, r *http.Request) {
		copies.Add(1)
		if via := r.Header.Get("Segue-Rehearsal"); via != "mirror" {
			t.Errorf("the candidate was told %q", via)
		}
		if from := r.Header.Get("X-Forwarded-For"); from != "127.0.0.1" {
			t.Errorf("the candidate was told that %q asks", from)
		}
		echo("2")(w, r)
	})
	m := newMirror(t, replay.MirrorConfig{Dial: candidate, Share: balance.Full, Matches: []proxy.Match{{Path: "/orders/"}, {Method: "GET", Path: "/"}}})
	f := newFront(t, module(t, echo("1")), m.Tap)
	for i := range 10 {
		body := strings.Repeat("b", 5000*i+1)
		if _, got := f.do(t, http.MethodPost, fmt.Sprint("/orders/", i, "?q=1"), strings.NewReader(body), "Authorization", "Basic x"); !strings.Contains(got, body) {
			t.Fatalf("the user got %q", got)
		}
		f.do(t, http.MethodGet, fmt.Sprint("/else/", i), nil)
		f.do(t, http.MethodPost, fmt.Sprint("/else/", i), nil)
		f.do(t, http.MethodPost, "/ordersx", nil)
	}
	f.do(t, http.MethodPost, "/orders/big", strings.NewReader(strings.Repeat("b", 70_000)))
	until(t, "all compared", func() bool { return m.Seen().Requests == 20 })
	seen := m.Seen()
	if seen.Different != 1 || seen.Dropped != 0 || copies.Load() != 20 || len(seen.Examples) != 1 {
		t.Fatalf("got %+v of %d copies", seen, copies.Load())
	}
	if e := seen.Examples[0]; e.Request != "POST /orders/9" || e.What != "body" {
		t.Errorf("got %+v", e)
	}
}

func TestACopyHasTheHeaderThatTheEngineWouldSend(t *testing.T) {
	for name, c := range map[string]struct{ sent, want proxy.Header }{
		"all of it": {
			sent: http.Header{"Authorization": {"Basic x"}, "X-A": {"1", "2"}, "X-Hop": {"x"}, "Connection": {"close, X-Hop"}, "X-Real-Ip": {"::1"},
				"Segue-Preview": {"x"}, "X_forwarded_for": {"::1"}, "Te": {"trailers"}, "Expect": {"100-continue"}, "User-Agent": {"me"},
				"Cookie": {"a=b; Segue-Client=x", "segue-client=x"}},
			want: http.Header{"Authorization": {"Basic x"}, "X-A": {"1", "2"}, "User-Agent": {"me"}, "Cookie": {"a=b"}}},
		"what can be asked for": {
			sent: asked{"Authorization": "Basic x", "Cookie": "Segue-Client=x; a=b", "Accept": "text/html", "X-Real-Ip": "::1"},
			want: http.Header{"Authorization": {"Basic x"}, "Cookie": {"a=b"}, "Accept": {"text/html"}}},
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan http.Header, 1)
			m := newMirror(t, replay.MirrorConfig{Dial: module(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }), Share: balance.Full})
			req := ask("/", "")
			req.Header, req.Secure = c.sent, true
			req.Remote, req.Client = netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddr("192.0.2.9")
			passes(m.Tap(req), 200, "x")
			select {
			case got := <-seen:
				for name, want := range map[string]string{"Segue-Rehearsal": "mirror", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443",
					"X-Forwarded-Host": "example.com", "X-Forwarded-For": "192.0.2.9", "X-Real-Ip": "192.0.2.9", "Forwarded": "for=192.0.2.9;host=example.com;proto=https"} {
					if told := got.Get(name); told != want {
						t.Errorf("the candidate was told %s: %q, want %q", name, told, want)
					}
					got.Del(name)
				}
				if got.Get("X-Request-Id") == "" {
					t.Error("it has no id")
				}
				got.Del("X-Request-Id")
				wantHeader(t, got, c.want.(http.Header))
			case <-time.After(patience):
				t.Fatal("no copy came")
			}
		})
	}
}

func TestAMirrorTakesItsShareExactly(t *testing.T) {
	for share, want := range map[int]int{0: 0, 2500: 250, balance.Full: 1000} {
		m := newMirror(t, replay.MirrorConfig{Dial: unreachable, Share: share})
		taken := 0
		for range 1000 {
			if tap := m.Tap(ask("/", "")); tap != nil {
				taken++
				tap.End(false)
			}
		}
		if taken < want-1 || taken > want+1 {
			t.Errorf("of a share of %d: %d of 1000", share, taken)
		}
	}
}

func TestAMirrorTakesGETAndHEADWhereNothingElseIsSaid(t *testing.T) {
	m := newMirror(t, replay.MirrorConfig{Dial: unreachable, Share: balance.Full})
	for method, want := range map[string]bool{"GET": true, "HEAD": true, "POST": false, "DELETE": false} {
		req := ask("/a/b", "")
		req.Method = method
		tap := m.Tap(req)
		if (tap != nil) != want {
			t.Errorf("%s: %v", method, tap)
		}
		if tap != nil {
			tap.End(false)
		}
	}
	if m.Tap(ask("/", "", "Upgrade", "websocket")) != nil {
		t.Error("an upgrade would be copied")
	}
}

func TestAMirrorRefusesWhatIsNoShareAndNoPath(t *testing.T) {
	for _, cfg := range []replay.MirrorConfig{{Share: -1}, {Share: balance.Full + 1}, {Matches: []proxy.Match{{Path: "orders"}}}, {Matches: []proxy.Match{{Path: ""}}}} {
		if m, err := replay.NewMirror(cfg); err == nil {
			m.Close()
			t.Errorf("%+v is taken", cfg)
		} else if _, ok := errors.AsType[*replay.Error](err); !ok {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestACopyThatFindsNoPlaceIsDroppedAndTheUserWaitsForNothing(t *testing.T) {
	release := make(chan struct{})
	candidate := module(t, func(w http.ResponseWriter, r *http.Request) { <-release; serve(page)(w, r) })
	m := newMirror(t, replay.MirrorConfig{Dial: candidate, Share: balance.Full, Workers: 2, Queue: 3, Timeout: patience})
	f := newFront(t, module(t, serve(page)), m.Tap)
	for i := range 20 {
		if status, got := f.do(t, http.MethodGet, fmt.Sprint("/", i), nil); status != 200 || got != page(fmt.Sprint("/", i)) {
			t.Fatalf("the user got %d %q", status, got)
		}
	}
	until(t, "the rest dropped", func() bool { return m.Seen().Dropped >= 15 })
	close(release)
	until(t, "all accounted for", func() bool { s := m.Seen(); return s.Requests+s.Dropped == 20 })
	if seen := m.Seen(); seen.Requests < 3 || seen.Requests > 5 || seen.Different != 0 {
		t.Errorf("got %+v", seen)
	}
}

func TestACopyThatFindsNoMemoryIsDropped(t *testing.T) {
	m := newMirror(t, replay.MirrorConfig{Dial: unreachable, Share: balance.Full, Memory: 100 << 10})
	var open []proxy.Tap
	for range 3 {
		tap := m.Tap(ask("/", ""))
		tap.Head(200, http.Header{})
		tap.Body(make([]byte, 60<<10))
		open = append(open, tap)
	}
	for _, tap := range open {
		tap.Body([]byte("more"))
		tap.End(true)
	}
	until(t, "one compared", func() bool { return m.Seen().Requests == 1 })
	if seen := m.Seen(); seen.Dropped != 2 {
		t.Errorf("got %+v", seen)
	}
	passes(m.Tap(ask("/", "")), 200, strings.Repeat("x", 60<<10))
	until(t, "another compared", func() bool { return m.Seen().Requests == 2 })
}

func TestACandidateThatIsNotThereDiffersInEveryAnswer(t *testing.T) {
	m := newMirror(t, replay.MirrorConfig{Dial: unreachable, Share: balance.Full})
	f := newFront(t, module(t, serve(page)), m.Tap)
	for range 5 {
		f.do(t, http.MethodGet, "/?token=x", nil)
	}
	until(t, "all compared", func() bool { return m.Seen().Requests == 5 })
	seen := m.Seen()
	if seen.Different != 5 || len(seen.Examples) != 3 || seen.Examples[0] != (replay.Example{Request: "GET /",
		Difference: replay.Difference{What: "answer", Stable: "200", Candidate: "none: nobody there"}}) {
		t.Errorf("got %+v", seen)
	}
}

func TestWhatStableDidNotAnswerWellIsNoMeasure(t *testing.T) {
	m := newMirror(t, replay.MirrorConfig{Dial: unreachable, Share: balance.Full})
	passes(m.Tap(ask("/", "")), 500, "x")
	broken := m.Tap(ask("/", ""))
	broken.Head(200, http.Header{})
	broken.End(false)
	m.Close()
	if seen := m.Seen(); seen.Requests != 0 || seen.Dropped != 0 {
		t.Errorf("got %+v", seen)
	}
}

func TestCloseEndsWhatIsUnderWayAndCountsItAsDropped(t *testing.T) {
	arrived := make(chan struct{}, 10)
	candidate := module(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	m := newMirror(t, replay.MirrorConfig{Dial: candidate, Share: balance.Full, Workers: 1, Timeout: time.Hour})
	late := m.Tap(ask("/", ""))
	for range 5 {
		passes(m.Tap(ask("/", "")), 200, "x")
	}
	<-arrived
	m.Close()
	m.Close()
	passes(late, 200, "x")
	if seen := m.Seen(); seen.Requests != 0 || seen.Dropped != 6 {
		t.Errorf("got %+v", seen)
	}
}

func TestAMirrorIsForMany(t *testing.T) {
	m := newMirror(t, replay.MirrorConfig{Dial: module(t, serve(page)), Share: 5000})
	ring := newRing(t, replay.RingConfig{})
	f := newFront(t, module(t, serve(page)), func(req *proxy.Request) proxy.Tap { return replay.Taps(ring.Tap(req), m.Tap(req)) })
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 25 {
				f.do(t, http.MethodGet, fmt.Sprintf("/%d/%d", w, i), nil)
			}
		})
	}
	all.Wait()
	until(t, "half compared or dropped", func() bool { s := m.Seen(); return s.Requests+s.Dropped == 50 })
	until(t, "all recorded", func() bool { return len(ring.Recent(999)) == 100 })
	if seen := m.Seen(); seen.Different != 0 {
		t.Errorf("got %+v", seen)
	}
}
