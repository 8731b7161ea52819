package proxy_test

import (
	"testing"

	"github.com/segue-run/segue/proxy"
)

func TestAClassSaysWhetherItCountsAgainstTheRelease(t *testing.T) {
	for class, want := range map[proxy.Class]struct {
		word         string
		failed       bool
		attributable bool
	}{
		proxy.Class(0):         {"unknown", true, true},
		proxy.ClassOK:          {"ok", false, true},
		proxy.ClassClientError: {"client-error", false, true},
		proxy.ClassServerError: {"server-error", true, true},
		proxy.ClassTransport:   {"transport-error", true, true},
		proxy.ClassTimeout:     {"timeout", true, true},
		proxy.ClassClientGone:  {"client-gone", false, false},
		proxy.ClassDrained:     {"drained", false, false},
		proxy.ClassHost:        {"host-error", false, false},
		proxy.Classes:          {"unknown", true, true},
	} {
		if class.String() != want.word || class.Failed() != want.failed || class.Attributable() != want.attributable {
			t.Errorf("class %d is %s, failed %v, attributable %v; want %+v", class, class, class.Failed(), class.Attributable(), want)
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
