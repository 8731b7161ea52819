package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy"
)

// fieldNames are what rules speak of, and what looks like it.
var fieldNames = []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te",
	"Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings", "Forwarded", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip",
	"Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Original-Forwarded-For", "Fastly-Client-Ip", "X-Envoy-External-Address", "X-Original-Url", "X-Original-Host", "X-Rewrite-Url", "X-Host", "Proxy",
	"Content-Length", "Host", "X-Forwarded-For", "X-Forwarded", "X-Forwardedanything", "Segue-", "Segue-Release", "Segue",
	"Seguerelease", "Accept", "Cookie", "Set-Cookie", "Date", "Content-Type", "Content-Encoding", "Expect", "Traceparent",
	"Tracestate", "X-Request-Id", "X-Mine", "X", "", "X-Forwarde", "Upgrad", "Upgrades", strings.Repeat("X", 100)}

func TestAFieldIsWhatItsCanonicalNameIs(t *testing.T) {
	for _, name := range fieldNames {
		for _, spelt := range []string{name, strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "-", "_")} {
			canonical := http.CanonicalHeaderKey(spelt)
			field := proxy.FieldOf(spelt)
			if got, want := field.Forwards(), proxy.Forwards(canonical); got != want {
				t.Errorf("a client's %q passes: %v, want %v", spelt, got, want)
			}
			dashed := proxy.Dashed(canonical)
			if got, want := field.Answers(), !proxy.IsHopByHop(dashed) && !proxy.IsInternal(dashed) && dashed != "Content-Length"; got != want {
				t.Errorf("a module's %q passes: %v, want %v", spelt, got, want)
			}
		}
	}
}

func TestAFieldIsFoundWithoutAnAllocation(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		for _, name := range fieldNames {
			_ = proxy.FieldOf(name)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
