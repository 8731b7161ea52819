package e2e_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestTrafficThatCanBeReadInTwoWaysIsRefused(t *testing.T) {
	s, _ := speaks(t, atOnce)
	const smuggled = "GET /hello/version HTTP/1.1\r\nHost: a\r\n\r\n"
	for name, head := range map[string]string{
		"both lengths":          "POST /hello/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two lengths":           "POST /hello/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n",
		"a list of lengths":     "POST /hello/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0\r\n\r\n",
		"a signed length":       "POST /hello/echo HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n",
		"an odd coding":         "POST /hello/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"a coding twice":        "POST /hello/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"a coding, vertically":  "POST /hello/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
		"a folded line":         "GET /hello HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n",
		"a bare line feed":      "GET /hello HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n",
		"a bare return":         "GET /hello HTTP/1.1\r\nHost: a\r\nX-A: b\rc\r\n\r\n",
		"a space before colon":  "POST /hello/echo HTTP/1.1\r\nHost: a\r\nContent-Length : 40\r\n\r\n",
		"a NUL":                 "GET /hello HTTP/1.1\r\nHost: a\r\nX-A: b\x00c\r\n\r\n",
		"a size with a sign":    "POST /hello/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+0\r\n\r\n",
		"a size of another way": "POST /hello/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
		"a chunk too long":      "POST /hello/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
		"two hosts":             "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"no host":               "GET /hello HTTP/1.1\r\n\r\n",
	} {
		w := s.dial().say(head + smuggled)
		got, err := w.hear()
		if want := map[bool]int{false: http.StatusBadRequest, true: http.StatusNotImplemented}[name == "an odd coding"]; err != nil || got.status != want {
			t.Errorf("%s: %d, %v", name, got.status, err)
		}
		if err := w.ended(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, path := range []string{"/hello%2f..%2fother", "/hello/..%5cother", "/hello/%00", "/../../hello"} {
		if got := s.dial().say("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n").answered(); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := s.got(http.MethodGet, "/hello/version", ""); got.status != http.StatusOK {
		t.Errorf("and then: %d", got.status)
	}
}

// seen are the headers that a module got.
func seen(t *testing.T, got reply) http.Header {
	t.Helper()
	header, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET / HTTP/1.1\r\n" + got.body + "\r\n")))
	must(t, err)
	return header.Header
}

func TestTrafficsClientsAreNotBelievedWhoTheyAre(t *testing.T) {
	spoofed := []string{"X-Forwarded-For", "203.0.113.7", "Forwarded", "for=203.0.113.7;proto=https", "X-Real-Ip", "203.0.113.7",
		"X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example", "X-Request-Id", "mine", "Segue-Release", "hello@9.9.9", "Connection", "X-Hop", "X-Hop", "gone"}
	s, _ := speaks(t, atOnce)
	got := s.got(http.MethodGet, "/hello/headers", "", spoofed...)
	header := seen(t, got)
	for name, want := range map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "X-Forwarded-Proto": "http",
		"X-Forwarded-Host": s.info.ListenAddr, "Segue-Release": "", "X-Hop": "", "X-Request-Id": got.header.Get("X-Request-Id")} {
		if header.Get(name) != want {
			t.Errorf("%s is %q", name, header.Get(name))
		}
	}
	if id := got.header.Get("X-Request-Id"); id == "mine" || id == "" || strings.Contains(got.body, "203.0.113.7") {
		t.Errorf("a client was believed: %s", got.body)
	}
	if stripped := s.got(http.MethodGet, "/hello/stripped", "", "X-Tongue", "any"); stripped.status != http.StatusOK || seen(t, stripped).Get("X-Forwarded-Prefix") != "/hello/stripped" {
		t.Errorf("%d %s", stripped.status, stripped.body)
	}

	trusting, _ := speaks(t, atOnce+"proxy: {trusted_proxies: [127.0.0.0/8]}\n")
	got = trusting.got(http.MethodGet, "/hello/headers", "", spoofed...)
	header = seen(t, got)
	for name, want := range map[string]string{"X-Forwarded-For": "203.0.113.7, 127.0.0.1", "X-Real-Ip": "203.0.113.7", "X-Forwarded-Proto": "https",
		"X-Forwarded-Host": "evil.example", "Segue-Release": "", "X-Request-Id": "mine"} {
		if header.Get(name) != want {
			t.Errorf("trusted: %s is %q", name, header.Get(name))
		}
	}
	if got.header.Get("X-Request-Id") != "mine" {
		t.Errorf("trusted: the id is %q", got.header.Get("X-Request-Id"))
	}
}

func TestTrafficWithTheProxyProtocolIsItsClients(t *testing.T) {
	s, _ := speaks(t, atOnce+"proxy: {proxy_protocol: {from: [127.0.0.1]}}\n")
	const request = "GET /hello/headers HTTP/1.1\r\nHost: a\r\n\r\n"
	v2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x08\x7f\x00\x00\x01\x10\x00\x00\x50" // 203.0.113.8
	for intro, want := range map[string]string{"PROXY TCP4 203.0.113.7 127.0.0.1 5000 80\r\n": "203.0.113.7",
		"PROXY TCP6 2001:db8::7 ::1 5000 80\r\n": "2001:db8::7", v2: "203.0.113.8", "PROXY UNKNOWN\r\n": "127.0.0.1"} {
		if got := s.dial().say(intro + request).answered(); got.status != http.StatusOK || seen(t, got).Get("X-Forwarded-For") != want {
			t.Errorf("%q: %d %s", intro, got.status, got.body)
		}
	}
	if got, err := s.dial().say(request).hear(); err == nil {
		t.Errorf("without it: %d %s", got.status, got.body)
	}
}

func TestTrafficAboveItsLimitsIsRefused(t *testing.T) {
	s, ca := speaks(t, atOnce+withTLS)
	var long, many []string // headers that are more than 64 KiB together, and more than 100
	for n := range 150 {
		if n < 10 {
			long = append(long, fmt.Sprintf("X-Long-%d", n), strings.Repeat("x", 7<<10))
		}
		many = append(many, fmt.Sprintf("X-Line-%d", n), "x")
	}
	for name, c := range map[string]struct {
		method, path, body string
		headers            []string
		want               int
	}{
		"a body for a route":  {http.MethodPost, "/hello/small", strings.Repeat("x", 1025), nil, http.StatusRequestEntityTooLarge},
		"a body that may":     {http.MethodPost, "/hello/small", strings.Repeat("x", 1024), nil, http.StatusOK},
		"a long header":       {http.MethodGet, "/hello/version", "", long, http.StatusRequestHeaderFieldsTooLarge},
		"many lines":          {http.MethodGet, "/hello/version", "", many, http.StatusRequestHeaderFieldsTooLarge},
		"a long address":      {http.MethodGet, "/hello/" + strings.Repeat("x", 9<<10), "", nil, http.StatusRequestURITooLong},
		"an address that may": {http.MethodGet, "/hello/version?" + strings.Repeat("x", 7<<10), "", nil, http.StatusOK},
	} {
		for _, tongue := range tongues {
			if name == "a long header" && strings.HasPrefix(tongue, "HTTP/2") {
				continue // a client of HTTP/2 is told how much it may send, and does not
			}
			client, base := s.tongue(tongue, ca)
			for _, chunked := range []bool{false, true} {
				var body io.Reader = strings.NewReader(c.body)
				if chunked && c.body != "" {
					body = io.MultiReader(body)
				}
				req, err := http.NewRequestWithContext(t.Context(), c.method, base+c.path, body)
				must(t, err)
				for i := 0; i < len(c.headers); i += 2 {
					req.Header.Set(c.headers[i], c.headers[i+1])
				}
				resp, err := client.Do(req)
				if err != nil {
					t.Errorf("%s, %s: %v", name, tongue, err)
					continue
				}
				resp.Body.Close()
				if resp.StatusCode != c.want {
					t.Errorf("%s, %s, chunked %v: %s", name, tongue, chunked, resp.Status)
				}
			}
		}
	}
}

// limited asks until it is told to come later, and gives how many were answered before.
func (s *site) limited(path string, headers ...string) (answered int, err error) {
	for ; answered < 50; answered++ {
		got, err := s.ask(client, http.MethodGet, path, "", headers...)
		if err != nil {
			return 0, err
		}
		switch {
		case got.status == http.StatusTooManyRequests && got.header.Get("Retry-After") == "":
			return answered, errors.New("it is not said when to come again")
		case got.status == http.StatusTooManyRequests:
			return answered, nil
		case got.status != http.StatusOK:
			return answered, fmt.Errorf("%d: %s", got.status, got.body)
		}
	}
	return answered, errors.New("it is never too much")
}

func TestTrafficOfARouteAModuleAndAClientIsLimited(t *testing.T) {
	s, _ := speaks(t, atOnce+"proxy: {trusted_proxies: [127.0.0.1]}\nmodules: {hello: {limits: {rate: 20/h, per_client: 5/h}}}\n")
	if n, err := s.limited("/hello/rare", "X-Forwarded-For", "203.0.113.1"); err != nil || n != 2 {
		t.Errorf("the route answered %d, %v", n, err)
	}
	if n, err := s.limited("/hello/version", "X-Forwarded-For", "203.0.113.2"); err != nil || n != 5 {
		t.Errorf("a client got %d, %v", n, err)
	}
	if n, err := s.limited("/hello/version", "X-Forwarded-For", "203.0.113.3"); err != nil || n != 5 {
		t.Errorf("another client got %d, %v", n, err)
	}
	all := 12 // that were answered so far
	for n := range 10 {
		got := s.got(http.MethodGet, "/hello/version", "", "X-Forwarded-For", fmt.Sprintf("198.51.100.%d", n+1))
		if got.status == http.StatusOK {
			all++
		}
	}
	if all != 20 {
		t.Errorf("the module answered %d", all)
	}
	if out := s.segue("routes"); !strings.Contains(out, "/hello/rare") || !strings.Contains(out, "at most 2/m") || !strings.Contains(out, "bodies up to 1KiB") {
		t.Errorf("segue routes:\n%s", out)
	}
}

func TestTrafficOfARouteIsLimitedToWhatIsUnderWay(t *testing.T) {
	s, _ := speaks(t, atOnce)
	first := s.dial().say("GET /hello/single?for=1m HTTP/1.1\r\nHost: a\r\n\r\n")
	s.awaitSeries(inFlight, 1)
	if got := s.got(http.MethodGet, "/hello/single", ""); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("%d, %v", got.status, got.header)
	}
	first.Close()
	s.eventually("there is room again", func() error { return s.get(s.url("/hello/single"), nil) })
}

func TestTrafficOfOneAddressHasSoManyConnections(t *testing.T) {
	s, _ := speaks(t, atOnce+"proxy: {limits: {per_address: 3}}\n")
	const request = "GET /hello/version HTTP/1.1\r\nHost: a\r\n\r\n"
	var held []*wire
	for range 3 {
		w := s.dial().say(request)
		if got := w.answered(); got.status != http.StatusOK {
			t.Errorf("%d", got.status)
		}
		held = append(held, w)
	}
	// The fourth may not even get its request out.
	fourth := s.dial()
	_, _ = io.WriteString(fourth, request)
	if got, err := fourth.hear(); err == nil {
		t.Errorf("the fourth got %d", got.status)
	}
	for _, w := range held { // those that there are go on
		if got := w.say(request).answered(); got.status != http.StatusOK {
			t.Errorf("%d", got.status)
		}
	}
	s.awaitSeries(`segue_connections_rejected_total{reason="over-address"}`, 1)
	held[0].Close()
	s.eventually("there is room again", func() error {
		w := s.dial()
		if _, err := io.WriteString(w, request); err != nil {
			return err
		}
		_, err := w.hear()
		w.Close()
		return err
	})
}
