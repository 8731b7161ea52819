package conformance_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestOnlyTheRequestsOwnHeadersReachTheModule(t *testing.T) {
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) {
		var lines []string
		for name, values := range r.Header {
			for _, v := range values {
				if name == "X-Request-Id" && len(values) == 1 && v != "" {
					v = "an id"
				}
				lines = append(lines, name+": "+v)
			}
		}
		slices.Sort(lines)
		io.WriteString(w, strings.Join(lines, "\n"))
	})
	forwarded := []string{"Forwarded: for=127.0.0.1;host=x;proto=http", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: x",
		"X-Forwarded-Port: 80", "X-Forwarded-Proto: http", "X-Real-Ip: 127.0.0.1", "X-Request-Id: an id"}
	for _, c := range []struct {
		name string
		sent []string
		want []string
	}{
		{"nothing is added but whom it is from", nil, nil},
		{"ordinary headers pass", []string{"Accept: a", "X-Two: 1", "X-Two: 2", "User-Agent: me", "Accept-Encoding: br"},
			[]string{"Accept: a", "X-Two: 1", "X-Two: 2", "User-Agent: me", "Accept-Encoding: br"}},
		{"hop-by-hop headers stay", []string{"Keep-Alive: 5", "Proxy-Connection: keep-alive", "Proxy-Authorization: secret",
			"Proxy-Authenticate: x", "Trailer: X-T", "Upgrade: websocket", "HTTP2-Settings: AAA"}, nil},
		{"what Connection names stays", []string{"Connection: X-Hop, keep-alive", "connection: x-OTHER", "X-Hop: 1", "X-Other: 2", "X-Mine: 3"},
			[]string{"X-Mine: 3"}},
		{"Connection cannot take away what we set", []string{"Connection: X-Forwarded-For, X-Forwarded-Proto, Host"}, nil},
		{"TE only says trailers", []string{"TE: gzip;q=1, trailers;q=0.5", "Connection: TE"}, []string{"Te: trailers"}},
		{"other TE stays", []string{"TE: gzip"}, nil},
		{"forwarded headers are ours", []string{"X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 7.7.7.7", "X-Forwarded-Host: evil",
			"X-Forwarded-Proto: https", "X-Forwarded-Port: 1", "X-Forwarded-Prefix: /p", "X-Forwarded-Anything: 1", "X-Forwarded: 1",
			"Forwarded: for=6.6.6.6", "X-Real-IP: 6.6.6.6", "True-Client-IP: 6.6.6.6", "X-Client-IP: 6.6.6.6",
			"Client-IP: 6.6.6.6", "CF-Connecting-IP: 6.6.6.6", "X-Cluster-Client-IP: 6.6.6.6", "Client_Ip: 6.6.6.6",
			"X-Original-Forwarded-For: 6.6.6.6", "Fastly-Client-IP: 6.6.6.6", "X-Envoy-External-Address: 6.6.6.6"}, nil},
		{"an underscore does not hide one", []string{"X_Forwarded_For: 6.6.6.6", "x_forwarded-for: 6.6.6.6", "Segue_Release: x",
			"Transfer_Encoding: chunked", "Content_Length: 5", "X_Real_Ip: 1"}, nil},
		{"but is allowed elsewhere", []string{"X_Mine: 1"}, []string{"X_mine: 1"}},
		{"headers that replace the address stay", []string{"X-Original-URL: /admin", "X-Rewrite-URL: /admin", "X-Original-Host: h", "X-Host: h", "Proxy: http://evil"}, nil},
		{"internal headers stay", []string{"Segue-Release: evil@1", "segue-tenant: 1", "SEGUE-X: 2"}, nil},
		{"HTTP in a tunnel is not offered", []string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAA"}, nil},
		{"nor in a list", []string{"Connection: Upgrade", "Upgrade: websocket, h2c"}, nil},
		{"nor in two headers", []string{"Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c"}, nil},
		{"nor TLS", []string{"Connection: Upgrade", "Upgrade: TLS/1.2"}, nil},
		{"an upgrade is passed on", []string{"Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Key: k"},
			[]string{"Connection: Upgrade", "Upgrade: websocket", "Sec-Websocket-Key: k"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Join(c.sent, "\r\n")
			if len(c.sent) > 0 {
				request += "\r\n"
			}
			res := h.exchange(request + "\r\n")
			got := read(t, res)
			want := slices.Concat(c.want, forwarded)
			slices.Sort(want)
			if got != strings.Join(want, "\n") {
				t.Errorf("the module got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
			}
		})
	}
}

func TestOnlyTheAnswersOwnHeadersReachTheClient(t *testing.T) {
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) {
		for _, line := range []string{"Connection: X-Hop", "X-Hop: 1", "Keep-Alive: timeout=1", "Proxy-Authenticate: x",
			"Proxy-Connection: close", "Upgrade: h2c", "Segue-Internal: 1", "Segue_release: forged@1", "Transfer_encoding: chunked", "Content_length: 9", "X-Mine: 1", "X-Mine: 2", "Set-Cookie: a=1", "Set-Cookie: b=2"} {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Add(name, value)
		}
	})
	res, _ := h.get("/")
	res.Header.Del("Date")
	res.Header.Del("X-Request-Id")
	want := http.Header{"X-Mine": {"1", "2"}, "Set-Cookie": {"a=1", "b=2"}, "Content-Length": {"0"}, "Segue-Release": {"hello@1.0.0"}}
	if fmt.Sprint(res.Header) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", res.Header, want)
	}
}

func TestWhatDecidesIsWhatTheModuleGets(t *testing.T) {
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host+" "+r.RequestURI) })
	for target, want := range map[string]string{
		"/a/../b":                         "x /b",
		"//a//%2e%2e//b":                  "x /b",
		"/%61?q=%61&;=//../":              "x /a?q=%61&;=//../",
		"/a?":                             "x /a?",
		"http://other.example":            "other.example /",
		"http://other.example:81/a/./b?c": "other.example:81 /a/b?c",
	} {
		res := h.exchange("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n")
		if got := read(t, res); got != want {
			t.Errorf("%s: the module got %q, want %q", target, got, want)
		}
	}
}
