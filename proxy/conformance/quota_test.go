package conformance_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

func TestAModuleWithAsManyRequestsAsItMayHaveIs503AtOnce(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	m := newModule(t, "1.0.0", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(entered)
		<-leave
	}))
	var dialer net.Dialer
	target := single("1.0.0", nil, balance.TargetConfig{
		Most: 1,
		Dial: func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "unix", m.socket) },
	})
	h := newHouse(t, proxy.Config{}, stable(t, target))
	answered := make(chan int, 1)
	go func() {
		res, err := http.Get(h.url("/"))
		if err != nil {
			answered <- 0
			return
		}
		_ = res.Body.Close()
		answered <- res.StatusCode
	}()
	<-entered
	res := refused(t, h, "GET / HTTP/1.1\r\nHost: x", 503, "over-quota", "hello", "as many requests in flight as it may")
	if res.Header.Get("Retry-After") != "1" || res.Header.Get("Segue-Release") != "" {
		t.Errorf("got %v", res.Header)
	}
	close(leave)
	if status := <-answered; status != 200 {
		t.Errorf("the request that had room was answered %d", status)
	}
	stats := target.Stats()
	if stats.Refused != 2 || stats.Failed() != 0 || stats.Requests != 1 {
		t.Errorf("%+v", stats)
	}
}
