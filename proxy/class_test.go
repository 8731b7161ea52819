package proxy_test

import (
	"testing"

	"github.com/segue-run/segue/proxy"
)

func TestAClassSaysWhetherItCountsAgainstTheRelease(t *testing.T) {
	for class, want := range map[proxy.Class]struct {
		word   string
		failed bool
	}{
		proxy.Class(0):         {"unknown", true},
		proxy.ClassOK:          {"ok", false},
		proxy.ClassClientError: {"client-error", false},
		proxy.ClassServerError: {"server-error", true},
		proxy.ClassTransport:   {"transport-error", true},
		proxy.ClassTimeout:     {"timeout", true},
		proxy.ClassClientGone:  {"client-gone", false},
		proxy.ClassDrained:     {"drained", false},
		proxy.Classes:          {"unknown", true},
	} {
		if class.String() != want.word || class.Failed() != want.failed {
			t.Errorf("class %d is %s, failed %v; want %+v", class, class, class.Failed(), want)
		}
	}
}

func TestAStatusHasAClass(t *testing.T) {
	for status, want := range map[int]proxy.Class{
		0: proxy.ClassTransport, 99: proxy.ClassTransport, 100: proxy.ClassTransport, 101: proxy.ClassOK, 199: proxy.ClassTransport,
		200: proxy.ClassOK, 304: proxy.ClassOK, 399: proxy.ClassOK, 400: proxy.ClassClientError, 499: proxy.ClassClientError,
		500: proxy.ClassServerError, 999: proxy.ClassServerError,
	} {
		if got := proxy.ClassOf(status); got != want {
			t.Errorf("%d is %s, want %s", status, got, want)
		}
	}
}
