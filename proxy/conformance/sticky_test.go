package conformance_test

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/sticky"
)

func secret(t testing.TB) *sticky.Secret {
	t.Helper()
	s, err := sticky.NewSecret([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// nosy tells what cookies and internal headers it got, and sets some.
func nosy(w http.ResponseWriter, r *http.Request) {
	w.Header()["Set-Cookie"] = []string{"own=1", "Segue-Client=forged; Path=/", "=Segue-Client=forged", "segue-client=forged", "other=2"}
	w.Header()["Set_cookie"] = []string{"Segue-Client=forged"}
	fmt.Fprintf(w, "%q %q", r.Header["Cookie"], r.Header["Segue-Preview"])
}

func TestAModuleNeitherSeesNorSetsTheClientsCookie(t *testing.T) {
	a, b := newModule(t, "1", http.HandlerFunc(nosy)), newModule(t, "2", http.HandlerFunc(nosy))
	g := stable(t)
	s := balance.Split{Rollout: "r", Users: secret(t).ByCookie(), Shares: []balance.Share{
		{Release: a.Release, Weight: 5000, Stable: true}, {Release: b.Release, Weight: 5000}}}
	if err := g.Apply(s); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, proxy.Config{}, g)
	get := func(header http.Header) (*http.Response, string) {
		req, _ := http.NewRequest("GET", h.url("/"), nil)
		req.Header = header
		res, err := h.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return res, read(t, res)
	}
	res, _ := get(nil)
	lines := res.Header["Set-Cookie"]
	if len(lines) != 3 || lines[0] != "own=1" || lines[1] != "other=2" || !strings.HasPrefix(lines[2], "Segue-Client=") ||
		strings.Contains(fmt.Sprint(res.Header), "forged") {
		t.Fatalf("got %q", res.Header)
	}
	cookie, _, _ := strings.Cut(lines[2], ";")
	side := res.Header.Get("Segue-Release")
	for _, c := range []struct{ sent, seen []string }{
		{[]string{cookie}, nil},
		{[]string{"a=1; " + cookie + "; b=2"}, []string{"a=1; b=2"}},
		{[]string{cookie + "; a=1", "b=2"}, []string{"a=1", "b=2"}},
	} {
		res, body := get(http.Header{"Cookie": c.sent, "Segue-Preview": {"x", "y"}})
		if want := fmt.Sprintf("%q []", c.seen); body != want {
			t.Errorf("%q: the module saw %s, want %s", c.sent, body, want)
		}
		if res.Header.Get("Segue-Release") != side || len(res.Header["Set-Cookie"]) != 2 {
			t.Errorf("%q: %q", c.sent, res.Header)
		}
	}
	s.Rollout = ""
	if err := g.Apply(s); err != nil {
		t.Fatal(err)
	}
	if res, body := get(http.Header{"Cookie": {cookie}}); body != "[] []" || len(res.Header["Set-Cookie"]) != 2 {
		t.Errorf("after the rollout: %s, %q", body, res.Header)
	}
}

func TestABrowserStaysOnItsSideAlsoWhereStableMakesGood(t *testing.T) {
	a := newModule(t, "1", http.HandlerFunc(echo))
	b := newModule(t, "2", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) }))
	g := stable(t)
	if err := g.Apply(balance.Split{Rollout: "r", Users: secret(t).ByCookie(), Shield: &balance.Shield{}, Shares: []balance.Share{
		{Release: a.Release, Stable: true}, {Release: b.Release, Weight: balance.Full}}}); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, proxy.Config{}, g)
	h.client.Jar, _ = cookiejar.New(nil)
	var keys []uint64
	for range 3 {
		if res, body := h.get("/"); body != "hello" {
			t.Errorf("got %v %q", res.Status, body)
		}
		o, second := b.outcome(t), a.outcome(t)
		if !o.Dealt || second.Dealt || o.Key == 0 {
			t.Errorf("%+v, then %+v", o, second)
		}
		keys = append(keys, o.Key)
	}
	if keys = slices.Compact(keys); len(keys) != 1 {
		t.Errorf("one browser is %d users", len(keys))
	}
}

func TestThePreviewIsSeenByItsTokenOnTheWire(t *testing.T) {
	a, b := newModule(t, "1", http.HandlerFunc(nosy)), newModule(t, "2", http.HandlerFunc(nosy))
	token := secret(t).Token("hello", "r")
	g := stable(t)
	if err := g.Apply(balance.Split{Rollout: "r", Preview: balance.Preview{Release: b.Release, Token: token, Host: "preview.example"},
		Shares: []balance.Share{{Release: a.Release, Weight: balance.Full, Stable: true}}}); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, proxy.Config{}, g)
	for head, want := range map[string]string{
		"Host: x\r\nSegue-Preview: " + token:                              "hello@2",
		"Host: x\r\nsegue-preview: " + token:                              "hello@2",
		"Host: x\r\nSegue-Preview: " + token + "x":                        "hello@1",
		"Host: x\r\nSegue_Preview: " + token:                              "hello@1",
		"Host: x\r\nSegue-Preview: \r\nSegue-Preview: " + token:           "hello@1",
		"Host: x\r\nConnection: Segue-Preview\r\nSegue-Preview: " + token: "hello@2",
		"Host: Preview.Example.:80":                                       "hello@2",
		"Host: x\r\nX-Forwarded-Host: preview.example":                    "hello@1",
	} {
		res := h.exchange("GET / HTTP/1.1\r\n" + head + "\r\n\r\n")
		if body := read(t, res); res.Header.Get("Segue-Release") != want || body != "[] []" {
			t.Errorf("%q: %s saw %s", head, res.Header.Get("Segue-Release"), body)
		}
	}
	b.Down()
	refused(t, h, "GET / HTTP/1.1\r\nHost: preview.example", 503, "no-target", "hello", "module hello has no candidate to preview")
}
