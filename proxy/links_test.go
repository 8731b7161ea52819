package proxy_test

import (
	"testing"

	"github.com/segue-run/segue/proxy"
)

func TestLinksAreCounted(t *testing.T) {
	l := proxy.NewLinks(3)
	for i, scarce := range []bool{false, true, true} {
		if err := l.Take(); err != nil || l.Scarce() != scarce {
			t.Errorf("%d: %v, scarce %v", i, err, l.Scarce())
		}
	}
	if err := l.Take(); !proxy.HostLacks(err) {
		t.Errorf("one too many: %v", err)
	}
	l.Give()
	if err := l.Take(); err != nil {
		t.Error(err)
	}
	for _, many := range []*proxy.Links{proxy.NewLinks(-1), proxy.NewLinks(0)} {
		if err := many.Take(); err != nil || many.Scarce() {
			t.Error("two are many")
		}
	}
}
