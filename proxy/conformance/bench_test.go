package conformance_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// BenchmarkRequest carries 512-byte answers over kept-alive connections, through
// the engine with all it does and through a bare httputil.ReverseProxy with a tuned
// pool; both reach the same module over a unix socket.
func BenchmarkRequest(b *testing.B) {
	answer := strings.Repeat("x", 512)
	m := newModule(b, "1.0.0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, answer)
	}))
	b.Run("engine", func(b *testing.B) {
		g := stable(b)
		apply(b, g, balance.Share{Release: m.Release, Weight: 9900, Stable: true},
			balance.Share{Release: newTarget("2", m.socket, nil), Weight: 100})
		drive(b, newHouse(b, proxy.Config{}, g).url("/some/path"))
	})
	b.Run("bare ReverseProxy", func(b *testing.B) {
		transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 256,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return m.Dial(ctx) }}
		defer transport.CloseIdleConnections()
		to, _ := url.Parse("http://module")
		server := httptest.NewServer(&httputil.ReverseProxy{Transport: transport,
			Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.SetXForwarded() }})
		defer server.Close()
		drive(b, server.URL+"/some/path")
	})
	b.Run("no proxy", func(b *testing.B) {
		server := httptest.NewServer(m.server.Config.Handler)
		defer server.Close()
		drive(b, server.URL+"/some/path")
	})
}

func drive(b *testing.B, url string) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			res, err := client.Get(url)
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	})
}
