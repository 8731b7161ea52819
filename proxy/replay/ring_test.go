package replay_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/replay"
)

func newRing(t testing.TB, cfg replay.RingConfig) *replay.Ring {
	t.Helper()
	ring, err := replay.NewRing(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func paths(recs []replay.Recording) string {
	var all []string
	for _, rec := range recs {
		all = append(all, rec.Path)
	}
	return strings.Join(all, " ")
}

func TestARequestAndItsAnswerAreRecordedAsTheyPassThroughAProxy(t *testing.T) {
	body := strings.Repeat("0123456789", 10_000)
	stable := module(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Set-Cookie", "session=secret")
		w.Header().Set("X-Version", "7")
		w.Header().Set("X-Else", "8")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, body)
	})
	ring := newRing(t, replay.RingConfig{Headers: []string{"x-version"}, Keep: []string{"x-tenant"}})
	f := newFront(t, stable, ring.Tap)
	status, got := f.do(t, http.MethodGet, "/a%20b?x=1&y=%2F", nil, "Accept", "text/plain", "X-Tenant", "acme", "X-Mine", "no", "User-Agent", "me")
	if status != http.StatusAccepted || got != body {
		t.Fatalf("the user got %d, %d bytes", status, len(got))
	}
	until(t, "a recording", func() bool { return len(ring.Recent(1)) == 1 })
	rec := ring.Recent(1)[0]
	if rec.Method != "GET" || rec.Path != "/a%20b" || rec.Query != "x=1&y=%2F" || rec.Host != strings.TrimPrefix(f.URL, "http://") || rec.Remote.IsValid() {
		t.Errorf("recorded %+v of %s%s?%s", rec, rec.Host, rec.Path, rec.Query)
	}
	wantHeader(t, rec.Header, http.Header{"Accept": {"text/plain"}, "Accept-Encoding": {"gzip"}, "X-Tenant": {"acme"}, "User-Agent": {"me"}})
	a := rec.Answer
	wantHeader(t, a.Header, http.Header{"Content-Type": {"text/plain"}, "X-Version": {"7"}})
	if a.Status != http.StatusAccepted || string(a.Body) != body[:64<<10] || a.Length != int64(len(body)) || a.Sum != sha256.Sum256([]byte(body)) {
		t.Errorf("recorded an answer %d of %d bytes, %d of them kept", a.Status, a.Length, len(a.Body))
	}
	if shown := fmt.Sprintf("%v %+v", rec, rec); strings.Contains(shown, "acme") || strings.Contains(shown, "x=1") {
		t.Errorf("shows %q", shown)
	}
}

func wantHeader(t *testing.T, got, want http.Header) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("kept the header %v, want %v", got, want)
	}
}

func TestWhatMayHoldACredentialIsNotRecorded(t *testing.T) {
	for name, req := range map[string]*proxy.Request{
		"a header Authorization":       ask("/", "", "Authorization", "Basic x"),
		"a cookie":                     ask("/", "", "Cookie", "a=b"),
		"a proxy's credentials":        ask("/", "", "Proxy-Authorization", "Basic x"),
		"a key in a header":            ask("/", "", "X-Api-Key", "x"),
		"an unknown token in a header": ask("/", "", "X-Acme-Token", "x"),
		"a header spelt otherwise":     ask("/", "", "X_acme_secret", "x"),
		"a token in the query":         ask("/", "a=1&token=x"),
		"in capitals":                  ask("/", "ACCESS_TOKEN=x"),
		"inside of a name":             ask("/", "user[password]=x"),
		"encoded":                      ask("/", "%74oken=x"),
		"after a semicolon":            ask("/", "a=1;apikey=x"),
		"without a value":              ask("/", "secret"),
		"inside of an address":         ask("/", "next=https%3A%2F%2Fexample.com%2F%3Fa%3D1%26code%3Dx"),
		"a signature":                  ask("/", "X-Amz-Signature=x"),
		"a short name":                 ask("/", "sig=x"),
		"a session":                    ask("/", "PHPSESSION=1"),
		"an authorisation":             ask("/", "oauth_verifier=1"),
		"what cannot be read":          ask("/", "a=%zz"),
	} {
		t.Run(name, func(t *testing.T) {
			ring := newRing(t, replay.RingConfig{})
			if tap := ring.Tap(req); tap != nil {
				t.Error("it would be recorded")
			}
		})
	}
}

func TestCredentialsAreRecordedWhereTheOperatorNamesTheirHeader(t *testing.T) {
	ring := newRing(t, replay.RingConfig{Keep: []string{"authorization"}})
	passes(ring.Tap(ask("/a", "", "Authorization", "Basic x")), 200, "x")
	passes(ring.Tap(ask("/b", "", "Authorization", "Basic x", "Cookie", "a=b")), 200, "x")
	recs := ring.Recent(9)
	if paths(recs) != "/a" || recs[0].Header.Get("Authorization") != "Basic x" {
		t.Errorf("recorded %s with %v", paths(recs), recs[0].Header)
	}
}

// asked is a header that can only be asked by name.
type asked map[string]string

func (a asked) Get(name string) string { return a[name] }

func TestAHeaderThatCanOnlyBeAskedByNameIsRecordedAsWell(t *testing.T) {
	ring := newRing(t, replay.RingConfig{Keep: []string{"X-Tenant"}})
	plain, secret := ask("/a", ""), ask("/b", "")
	plain.Header = asked{"Accept": "text/html", "X-Tenant": "acme", "X-Else": "1"}
	secret.Header = asked{"X-Auth-Token": "x"}
	passes(ring.Tap(plain), 200, "x")
	passes(ring.Tap(secret), 200, "x")
	recs := ring.Recent(9)
	if paths(recs) != "/a" {
		t.Fatalf("recorded %s", paths(recs))
	}
	wantHeader(t, recs[0].Header, http.Header{"Accept": {"text/html"}, "X-Tenant": {"acme"}})
}

func TestTheHostIsRecordedWithItsPortWhereBothAreTheSameHost(t *testing.T) {
	for authority, want := range map[string]string{"": "example.com", "Example.com:8080": "Example.com:8080", "other.com:80": "example.com", "a b": "example.com"} {
		ring := newRing(t, replay.RingConfig{})
		req := ask("/", "")
		req.Authority = authority
		passes(ring.Tap(req), 200, "x")
		if got := ring.Recent(1)[0].Host; got != want {
			t.Errorf("%q: recorded %q, want %q", authority, got, want)
		}
	}
}

func BenchmarkRecordingAShortAnswer(b *testing.B) {
	ring, err := replay.NewRing(replay.RingConfig{})
	if err != nil {
		b.Fatal(err)
	}
	req := ask("/hello", "page=1", "Accept", "text/html", "User-Agent", "bench", "Accept-Language", "en")
	head, body := http.Header{"Content-Type": {"text/plain"}}, make([]byte, 512)
	b.ReportAllocs()
	for b.Loop() {
		tap := ring.Tap(req)
		tap.Head(200, head)
		tap.Body(body)
		tap.End(true)
	}
}

func TestAHeaderThatMayNotBeSentCannotBeKept(t *testing.T) {
	for _, name := range []string{"", "a b", "Host", "connection", "X-Forwarded-For", "x_real_ip", "Segue-Preview", "Content-Length", "Proxy-Authorization"} {
		_, err := replay.NewRing(replay.RingConfig{Keep: []string{name}})
		if refused, ok := errors.AsType[*replay.Error](err); !ok || refused.Value != name {
			t.Errorf("%q: got %v", name, err)
		}
	}
	if _, err := replay.NewRing(replay.RingConfig{Headers: []string{"set-cookie"}}); err == nil {
		t.Error("an answer's cookies would be kept")
	}
}

func TestOnlyWhatCanBeAskedAgainIsRecorded(t *testing.T) {
	other := func(method string) *proxy.Request {
		req := ask("/x", "")
		req.Method = method
		return req
	}
	for name, pass := range map[string]func(*replay.Ring){
		"a POST":                     func(r *replay.Ring) { passes(r.Tap(other("POST")), 200, "x") },
		"a HEAD":                     func(r *replay.Ring) { passes(r.Tap(other("HEAD")), 200, "x") },
		"a range":                    func(r *replay.Ring) { passes(r.Tap(ask("/x", "", "Range", "bytes=0-1")), 200, "x") },
		"a condition":                func(r *replay.Ring) { passes(r.Tap(ask("/x", "", "If-None-Match", "x")), 200, "x") },
		"an upgrade":                 func(r *replay.Ring) { passes(r.Tap(ask("/x", "", "Upgrade", "websocket")), 101, "x") },
		"a long address":             func(r *replay.Ring) { passes(r.Tap(ask("/x", strings.Repeat("a", 20_000))), 200, "x") },
		"a failure":                  func(r *replay.Ring) { passes(r.Tap(ask("/x", "")), 500, "x") },
		"no answer of its own":       func(r *replay.Ring) { passes(r.Tap(ask("/x", "")), 304, "") },
		"part of an answer":          func(r *replay.Ring) { passes(r.Tap(ask("/x", "")), 206, "") },
		"what may not be stored":     func(r *replay.Ring) { passes(r.Tap(ask("/x", "")), 200, "x", "Cache-Control", "private, No-Store") },
		"an answer that is too long": func(r *replay.Ring) { passes(r.Tap(ask("/x", "")), 200, strings.Repeat("x", 9<<20)) },
		"a request that is too long": func(r *replay.Ring) {
			tap := r.Tap(ask("/x", ""))
			tap.Sent(bytes.Repeat([]byte("x"), 70_000))
			passes(tap, 200, "x")
		},
		"a request that was not sent whole": func(r *replay.Ring) {
			tap := r.Tap(ask("/x", "", "Content-Length", "10"))
			tap.Sent([]byte("123"))
			passes(tap, 200, "x")
		},
		"an answer that broke off": func(r *replay.Ring) {
			tap := r.Tap(ask("/x", ""))
			tap.Head(200, http.Header{})
			tap.Body([]byte("x"))
			tap.End(false)
		},
		"no answer": func(r *replay.Ring) { r.Tap(ask("/x", "")).End(true) },
		"a stream of events": func(r *replay.Ring) {
			tap := r.Tap(ask("/x", ""))
			tap.Head(200, http.Header{"Content-Type": {"text/event-stream"}})
			tap.End(true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ring := newRing(t, replay.RingConfig{})
			passes(ring.Tap(ask("/before", "")), 404, "x")
			pass(ring)
			passes(ring.Tap(ask("/after", "")), 200, "x")
			if got := paths(ring.Recent(9)); got != "/after /before" {
				t.Errorf("recorded %s", got)
			}
		})
	}
}

func TestTheNewestWinsAndOnePathDoesNotFillTheRing(t *testing.T) {
	ring := newRing(t, replay.RingConfig{Entries: 20})
	for i := range 15 {
		passes(ring.Tap(ask(fmt.Sprint("/rare/", i), "")), 200, "x")
	}
	for i := range 1000 {
		passes(ring.Tap(ask("/popular", fmt.Sprint("page=", i))), 200, "x")
	}
	recs := ring.Recent(99)
	if len(recs) != 17 || recs[0].Query != "page=999" || recs[16].Query != "page=998" || recs[1].Path != "/rare/14" {
		t.Errorf("got %s", paths(recs))
	}
	for i := range 10 {
		passes(ring.Tap(ask(fmt.Sprint("/new/", i), "")), 200, "x")
	}
	got := paths(ring.Recent(99))
	if len(ring.Recent(99)) != 20 || !strings.HasPrefix(got, "/new/9 ") || strings.Count(got, "/popular") != 1 || strings.Contains(got, "/rare/0 ") || !strings.Contains(got, "/rare/14") {
		t.Errorf("got %s", got)
	}
}

func TestTheSameQuestionIsKeptOnceWithItsNewestAnswer(t *testing.T) {
	ring := newRing(t, replay.RingConfig{})
	for i := range 100 {
		passes(ring.Tap(ask("/a", "x=1", "User-Agent", fmt.Sprint(i))), 200, fmt.Sprint(i))
	}
	passes(ring.Tap(ask("/a", "x=1", "Accept", "text/html")), 200, "html")
	recs := ring.Recent(9)
	if len(recs) != 2 || string(recs[1].Answer.Body) != "99" {
		t.Errorf("got %d recordings", len(recs))
	}
}

func TestTheMostDifferentComeFirst(t *testing.T) {
	ring := newRing(t, replay.RingConfig{})
	for _, path := range []string{"/a", "/a", "/b", "/missing", "/b", "/c"} {
		status := 200
		if path == "/missing" {
			status = 404
		}
		passes(ring.Tap(ask(path, fmt.Sprint("n=", len(ring.Recent(99))))), status, "x")
	}
	if got := paths(ring.Recent(99)); got != "/c /b /a /missing /b /a" {
		t.Errorf("got %s", got)
	}
	if got := paths(ring.Recent(3)); got != "/c /b /a" {
		t.Errorf("of three, got %s", got)
	}
	if got := ring.Recent(0); len(got) != 0 {
		t.Errorf("of none, got %s", paths(got))
	}
}

func TestARingIsBoundedInBytes(t *testing.T) {
	ring := newRing(t, replay.RingConfig{Bytes: 300 << 10})
	for i := range 50 {
		passes(ring.Tap(ask(fmt.Sprint("/", i), "")), 200, strings.Repeat("x", 60<<10))
	}
	if got := paths(ring.Recent(99)); got != "/49 /48 /47 /46" {
		t.Errorf("got %s", got)
	}
	var open []proxy.Tap
	for range 50 {
		tap := ring.Tap(ask("/open", ""))
		if tap == nil {
			break
		}
		tap.Head(200, http.Header{})
		tap.Body(make([]byte, 60<<10))
		open = append(open, tap)
	}
	for _, tap := range open {
		tap.End(true)
	}
	passes(ring.Tap(ask("/last", "")), 200, strings.Repeat("x", 60<<10))
	recs := ring.Recent(99)
	if !slices.ContainsFunc(recs, func(r replay.Recording) bool { return r.Path == "/last" }) || len(recs) > 4 {
		t.Errorf("what was lent did not come back, or too much was: %s", paths(recs))
	}
}

func TestWhatIsUnderWayIsBoundedInBytes(t *testing.T) {
	ring := newRing(t, replay.RingConfig{Bytes: 300 << 10})
	var open []proxy.Tap
	for i := range 50 {
		tap := ring.Tap(ask(fmt.Sprint("/", i), ""))
		if tap == nil {
			break
		}
		tap.Head(200, http.Header{})
		tap.Body(make([]byte, 60<<10))
		open = append(open, tap)
	}
	for _, tap := range open {
		tap.End(true)
	}
	if got := paths(ring.Recent(99)); got != "/3 /2 /1 /0" {
		t.Errorf("recorded %s of what was open at once", got)
	}
}

func TestARingIsForMany(t *testing.T) {
	ring := newRing(t, replay.RingConfig{Entries: 10, Bytes: 64 << 10})
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 200 {
				passes(ring.Tap(ask(fmt.Sprint("/", w, i%7), "")), 200, strings.Repeat("x", 100*i))
				ring.Recent(5)
			}
		})
	}
	all.Wait()
	if n := len(ring.Recent(99)); n == 0 || n > 10 {
		t.Errorf("%d recordings", n)
	}
}

// journal is a tap that writes down what it sees.
type journal struct{ strings.Builder }

func (j *journal) Sent(p []byte)                  { fmt.Fprintf(j, "sent %s;", p) }
func (j *journal) Head(status int, _ http.Header) { fmt.Fprintf(j, "head %d;", status) }
func (j *journal) Body(p []byte)                  { fmt.Fprintf(j, "body %s;", p) }
func (j *journal) End(whole bool)                 { fmt.Fprintf(j, "end %t;", whole) }

func TestTapsShowAllThatPassesToEachOfThem(t *testing.T) {
	if replay.Taps() != nil || replay.Taps(nil, nil) != nil {
		t.Error("no taps make one")
	}
	var one, two journal
	if replay.Taps(nil, &one) != proxy.Tap(&one) {
		t.Error("one tap is not itself")
	}
	both := replay.Taps(&one, nil, &two)
	both.Sent([]byte("a"))
	both.Head(200, nil)
	both.Body([]byte("b"))
	both.End(true)
	if want := "sent a;head 200;body b;end true;"; one.String() != want || two.String() != want {
		t.Errorf("got %s and %s", &one, &two)
	}
}

func TestTheRuntimesOwnCookieIsNeitherACredentialNorRecorded(t *testing.T) {
	ring := newRing(t, replay.RingConfig{Keep: []string{"X-Tenant"}})
	passes(ring.Tap(ask("/a", "", "Cookie", "Segue-Client=x", "X-Tenant", "acme")), 200, "x")
	if ring.Tap(ask("/b", "", "Cookie", "Segue-Client=x; a=b")) != nil {
		t.Error("a user's cookie would be recorded")
	}
	byName := ask("/c", "")
	byName.Header = asked{"Cookie": "segue-client=x"}
	passes(ring.Tap(byName), 200, "x")
	recs := ring.Recent(9)
	if len(recs) != 2 {
		t.Fatalf("recorded %s", paths(recs))
	}
	for _, rec := range recs {
		if rec.Header["Cookie"] != nil {
			t.Errorf("recorded %v", rec.Header)
		}
	}
	kept := newRing(t, replay.RingConfig{Keep: []string{"Cookie"}})
	passes(kept.Tap(ask("/a", "", "Cookie", "Segue-Client=x; a=b")), 200, "x")
	wantHeader(t, kept.Recent(1)[0].Header, http.Header{"Cookie": {"a=b"}})
}
