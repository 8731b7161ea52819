package conformance_test

import (
	"context"
	"net/http"
	"reflect"
	"testing"

	"github.com/segue-run/segue/proxy"
)

func TestADirectorMayHaveAllOfARequestsHeader(t *testing.T) {
	seen := make(chan http.Header, 1)
	h := newDirected(t, proxy.Config{Director: director(func(_ context.Context, r *proxy.Request) (proxy.Exchange, error) {
		all, listed := proxy.HeaderOf(r.Header)
		if !listed {
			t.Error("it can only be asked by name")
		}
		seen <- all.Clone()
		return nil, proxy.ErrNoRoute
	})})
	h.exchange("GET / HTTP/1.1\r\nHost: x\r\nx-own-token: 1\r\nX-Own-Token: 2\r\nAccept: */*\r\n\r\n")
	if got, want := <-seen, (http.Header{"X-Own-Token": {"1", "2"}, "Accept": {"*/*"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
