package proxy_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy"
)

func TestOnlyWhatAModuleMayGetIsForwarded(t *testing.T) {
	in := http.Header{"Accept": {"a", "b"}, "X-Hop": {"x"}, "Connection": {"close", "keep-alive, x-hop; q=1"}, "Te": {"trailers"},
		"X-Forwarded-For": {"::1"}, "X_forwarded_for": {"::1"}, "X_real_ip": {"::1"}, "Host": {"x"}, "Content-Length": {"1"},
		"Segue-Client": {"x"}, "Segue_release": {"x"}, "Proxy-Authorization": {"x"}, "Authorization": {"x"},
		"Cookie": {"Segue-Client=x", "a=b; segue-client=x; c=d"}}
	want := http.Header{"Accept": {"a", "b"}, "Authorization": {"x"}, "Cookie": {"a=b; c=d"}}
	if got := proxy.ForwardHeader(in); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %v", got)
	}
	if len(in["Cookie"]) != 2 {
		t.Error("what came in was changed")
	}
	if got := proxy.ForwardHeader(http.Header{"Accept": {"a"}, "Connection": {"x", strings.Repeat(",", 31)}}); len(got) != 0 {
		t.Errorf("got %v of what names too much", got)
	}
	if got := proxy.ForwardHeader(http.Header{"Cookie": {"Segue-Client=x"}}); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}
