package page_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/page"
)

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

func TestTheFormatIsTheOneThatTheClientLikesBest(t *testing.T) {
	p := page.Of(404, "no-route", "no module serves this address")
	const text, asJSON, asHTML = "text/plain; charset=utf-8", "application/json", "text/html; charset=utf-8"
	for _, c := range []struct{ accept, want string }{
		{"", text}, {"*/*", text}, {browser, asHTML}, {"image/avif,image/webp,*/*;q=0.8", text}, {"image/png", text},
		{"application/json", asJSON}, {"application/problem+json", asJSON}, {"APPLICATION/JSON ; charset=utf-8", asJSON},
		{"application/json, text/plain, */*", asJSON}, {"text/plain, application/json", text},
		{"text/html;q=0.5, application/json", asJSON}, {"text/html, application/json;q=0.9", asHTML},
		{"text/html;q=0.3;level=1, application/json;q=0.2, text/plain;q=0.1", asHTML},
		{"*/*, application/json", asJSON}, {"application/*", asJSON}, {"text/*", text}, {"text/*;q=0.9, text/html", asHTML},
		{"application/json;q=0, */*;q=0.1", text}, {"text/html;q=0", text}, {"text/html; Q=0.9, application/json;q=0.8", asHTML},
		{"text/html;q=2, application/json;q=0.1", asJSON}, {"text/html;q=NaN", text}, {"text/html;q=-1", text}, {"text/html;q=", text},
		{"application/jsonp", text}, {"application/json5", text}, {"image/svg+json", text}, {",;,;;q=1,", text}, {"+json", text},
	} {
		got, body := p.Render(c.accept)
		if got != c.want {
			t.Errorf("%q: got %s, want %s", c.accept, got, c.want)
		}
		if !bytes.Contains(body, []byte("no module serves this address")) {
			t.Errorf("%q: %s", c.accept, body)
		}
	}
	if got, _ := p.Render("text/plain;q=0.1", "text/html;q=0.2"); got != asHTML {
		t.Errorf("two lines: %s", got)
	}
	if got, _ := p.Render(); got != text {
		t.Errorf("no line: %s", got)
	}
}

func TestEachFormatSaysWhoWhyAndWhatToDo(t *testing.T) {
	p := page.Page{Status: 503, Error: "no-target", Module: "hello", Message: "module hello has nothing running", Request: "8f0e", RetryAfter: 1500 * time.Millisecond}
	_, text := p.Render()
	if want := "503 Service Unavailable: module hello has nothing running\nTry again in 2 seconds.\nRequest 8f0e\n"; string(text) != want {
		t.Errorf("got %q, want %q", text, want)
	}
	_, doc := p.Render("application/json")
	if want := `{"status":503,"error":"no-target","module":"hello","message":"module hello has nothing running","request":"8f0e","retry_after":2}` + "\n"; string(doc) != want {
		t.Errorf("got %s, want %s", doc, want)
	}
	_, site := p.Render(browser)
	for _, want := range []string{"<title>503 Service Unavailable</title>", "module hello has nothing running", "Try again in 2 seconds.",
		"<dt>Module</dt><dd>hello</dd>", "<dt>Reason</dt><dd>no-target</dd>", "<dt>Request</dt><dd>8f0e</dd>", "light dark"} {
		if !bytes.Contains(site, []byte(want)) {
			t.Errorf("no %q in %s", want, site)
		}
	}
	_, doc = page.Of(400, "", "").Render("application/json")
	if want := `{"status":400,"error":"bad-request","message":"the request is malformed"}` + "\n"; string(doc) != want {
		t.Errorf("got %s", doc)
	}
}

func TestTheTimeToTryAgainIsInWholeSecondsRoundedUp(t *testing.T) {
	for after, want := range map[time.Duration]int64{0: 0, -time.Second: 0, 1: 1, time.Second: 1, time.Second + 1: 2, time.Hour: 3600} {
		if got := (page.Page{RetryAfter: after}).RetrySeconds(); got != want {
			t.Errorf("%v: %d, want %d", after, got, want)
		}
	}
	for after, want := range map[time.Duration]string{time.Millisecond: "in a second.", time.Minute: "in 60 seconds.", 91 * time.Second: "in 2 minutes.", time.Hour: "in 60 minutes."} {
		if _, text := (page.Page{Status: 503, RetryAfter: after}).Render(); !strings.Contains(string(text), want) {
			t.Errorf("%v: %s", after, text)
		}
	}
}

// hostile is what somebody would call a module, or say, to break out.
var hostile = []string{
	`</h1><script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'--><svg/onload=alert(1)>`, `</title></style><script>x</script>`,
	"a\x00b\x1b[2J\x1b]0;title\x07", "\xff\xfe<b>", "\u202e\u2028\u2029", `&lt;script&gt;`, `\u003cscript\u003e","module":"x`,
}

func TestWhatIsQuotedCannotBreakOut(t *testing.T) {
	shape := elements(t, page.Page{Status: 503, Error: "maintenance", Module: "m", Message: "m", Request: "m"})
	for _, bad := range hostile {
		p := page.Page{Status: 503, Error: "maintenance", Module: bad, Message: bad, Request: bad}
		if got := elements(t, p); got != shape {
			t.Errorf("%q makes other elements: %s, want %s", bad, got, shape)
		}
		_, doc := p.Render("application/json")
		var got map[string]any
		if err := json.Unmarshal(doc, &got); err != nil || len(got) != 5 || got["error"] != "maintenance" || bytes.ContainsAny(doc, "<>") {
			t.Errorf("%q: %v in %s", bad, err, doc)
		}
		for _, accept := range []string{"", browser} {
			if _, body := p.Render(accept); strings.ContainsAny(string(body), "\x00\x1b\x07\u202e\u2028") {
				t.Errorf("%q is obeyed: %q", bad, body)
			}
		}
	}
}

// elements are the tags of a page in HTML, with the names of their attributes; scripts
// and links out are an error.
func elements(t *testing.T, p page.Page) string {
	t.Helper()
	_, body := p.Render(browser)
	var b strings.Builder
	for z := html.NewTokenizer(bytes.NewReader(body)); ; {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return b.String()
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken, html.CommentToken:
			token := z.Token()
			fmt.Fprintf(&b, "%s%s", kind, token.Data)
			for _, a := range token.Attr {
				fmt.Fprintf(&b, " %s", a.Key)
				if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" {
					t.Errorf("attribute %s in %s", a.Key, body)
				}
			}
			if token.Data == "script" {
				t.Errorf("a script in %s", body)
			}
		}
	}
}

func TestEveryRefusalOfADirectorHasItsPage(t *testing.T) {
	retry := 7 * time.Second
	for _, c := range []struct {
		err     error
		status  int
		word    string
		module  string
		message string
		retry   time.Duration
	}{
		{&proxy.AddressError{Part: "path", Msg: "climbs above the root"}, 400, "bad-address", "", "the request's path: climbs above the root", 0},
		{proxy.ErrNoRoute, 404, "no-route", "", "no module serves this address", 0},
		{proxy.ErrNoTarget, 503, "no-target", "", "nothing is running", time.Second},
		{&proxy.NoTargetError{Module: "m"}, 503, "no-target", "m", "module m has nothing running", time.Second},
		{&proxy.NoTargetError{Module: "m", RetryAfter: retry}, 503, "no-target", "m", "module m", retry},
		{&proxy.NoTargetError{Module: "m", QueueFull: true}, 503, "queue-full", "m", "too many requests wait for module m", time.Second},
		{&proxy.NoTargetError{Module: "m", Preview: true}, 503, "no-target", "m", "no candidate to preview", time.Second},
		{&proxy.NoTargetError{Module: "m", OverQuota: true}, 503, "over-quota", "m", "in flight", time.Second},
		{&proxy.LimitError{Module: "m"}, 429, "too-many-requests", "m", "module m gets more", time.Second},
		{&proxy.LimitError{Module: "m", Concurrent: true, RetryAfter: retry}, 429, "too-many-at-once", "m", "at a time", retry},
		{&proxy.LimitError{Module: "m", Client: true}, 429, "too-many-of-client", "m", "your address has sent module m more", time.Second},
		{&proxy.LimitError{Module: "m", Route: "POST inside.example/x (x-beta: 1)"}, 429, "too-many-requests", "m", "route /x of module m gets more", time.Second},
		{&proxy.MaintenanceError{Module: "m"}, 503, "maintenance", "m", "module m is closed for maintenance", 0},
		{&proxy.MaintenanceError{Module: "m", Message: "back at noon", RetryAfter: retry}, 503, "maintenance", "m", "back at noon", retry},
		{proxy.ErrDraining, 503, "draining", "", "shutting down", time.Second},
		{proxy.ErrTimeout, 504, "timeout", "", "too long", 0},
		{context.DeadlineExceeded, 504, "timeout", "", "too long", 0},
	} {
		for _, err := range []error{c.err, fmt.Errorf("direct: %w", c.err)} {
			p, known := page.Refusal(err)
			if !known || p.Status != c.status || p.Error != c.word || p.Module != c.module || !strings.Contains(p.Message, c.message) || p.RetryAfter != c.retry {
				t.Errorf("%v: known %v, %+v", err, known, p)
			}
			if strings.Contains(p.Message, "inside") {
				t.Errorf("%v: tells of the inside: %s", err, p.Message)
			}
		}
	}
	if p, known := page.Refusal(errors.New("open /var/lib/secret")); known || p.Status != 500 || strings.Contains(p.Message, "secret") {
		t.Errorf("known %v, %+v", known, p)
	}
}

func TestEveryFailureOfAModuleHasItsPage(t *testing.T) {
	for class := range proxy.Classes {
		for _, unreached := range []bool{false, true} {
			p := page.Failure(class, "m", unreached)
			want, word := 502, "no-answer"
			switch class {
			case proxy.ClassTimeout:
				want, word = 504, "timeout"
			case proxy.ClassDrained:
				want, word = 503, "draining"
			case proxy.ClassHost:
				want, word = 503, "host-error"
			case proxy.ClassClientGone:
				want, word = 400, "bad-body"
			}
			if p.Status != want || p.Error != word || p.Module != "m" || p.Message == "" || (p.Status == 503) != (p.RetryAfter > 0) {
				t.Errorf("%v, unreached %v: %+v", class, unreached, p)
			}
		}
	}
	if p := page.Failure(proxy.ClassTransport, "m", true); !strings.Contains(p.Message, "could not be reached") {
		t.Errorf("%+v", p)
	}
}

func TestAnEnginesOwnRefusalsHaveTheirWords(t *testing.T) {
	words := map[string]bool{}
	for _, status := range []int{400, 408, 413, 414, 417, 429, 431, 500, 501, 502, 503, 504, 505} {
		p := page.Of(status, "", "")
		if p.Status != status || p.Error == "" || p.Message == "" || words[p.Error] {
			t.Errorf("%+v", p)
		}
		words[p.Error] = true
	}
	if p := page.Of(400, "bad-chunk", "a chunk's size is malformed"); p.Error != "bad-chunk" || p.Message != "a chunk's size is malformed" {
		t.Errorf("%+v", p)
	}
	if p := page.Of(421, "", ""); p.Error != "misdirected-request" || p.Message != "misdirected request" {
		t.Errorf("%+v", p)
	}
	if p := page.TooLarge("m", 1024); p.Status != 413 || p.Error != "body-too-large" || !strings.Contains(p.Message, "1024 bytes") {
		t.Errorf("%+v", p)
	}
	if p := page.NoTunnels(); p.Status != 501 || p.Error != "no-tunnels" {
		t.Errorf("%+v", p)
	}
}

// FuzzAccept looks for a header that makes no page, or one of no known type.
func FuzzAccept(f *testing.F) {
	for _, seed := range []string{browser, "*/*", "application/json;q=0.5, text/html", "a/b;q=", ";;,"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		kind, body := page.Page{Status: 503, Message: one, Module: two}.Render(one, two)
		if len(body) == 0 || kind != "application/json" && kind != "text/html; charset=utf-8" && kind != "text/plain; charset=utf-8" {
			t.Fatalf("%q: %q", kind, body)
		}
	})
}
