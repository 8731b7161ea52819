package h2spec_test

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"
)

// least is how many tests h2spec has at least.
const least = 140

// exceptions are the tests that do not pass, and why that is right.
var exceptions = map[string]string{
	"http2/3.5/2":     "what does not begin as HTTP/2 is taken for HTTP/1.1: it gets a 400 in that, and then its connection ends",
	"http2/6.5.3/1":   "the server ends a connection whose SETTINGS name a value twice in one frame: nobody means well by it",
	"http2/8.1.2.2/1": "the request gets a 400 rather than a reset, which RFC 9113, 8.1.1, allows; no module sees it",
	"http2/8.1.2.2/2": "as the one before",
}

func TestEveryTestOfH2specPassesButForTheExceptions(t *testing.T) {
	for _, secure := range []bool{false, true} {
		name := "clear text"
		if secure {
			name = "TLS"
		}
		t.Run(name, func(t *testing.T) {
			host, port, err := net.SplitHostPort(proxied(t, secure))
			if err != nil {
				t.Fatal(err)
			}
			number, _ := strconv.Atoi(port)
			cfg := &config.Config{Host: host, Port: number, Path: "/", Timeout: 2 * time.Second, MaxHeaderLen: 4000,
				Strict: true, TLS: secure, Insecure: true}
			ran := 0
			for _, group := range []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()} {
				group.Test(cfg)
				ran += judge(t, group)
			}
			if ran < least {
				t.Errorf("only %d tests ran", ran)
			}
		})
	}
}

// judge reports what a group's tests came to, and gives their number.
func judge(t *testing.T, group *spec.TestGroup) (ran int) {
	t.Helper()
	tests := append(group.Tests[:len(group.Tests):len(group.Tests)], group.StrictTests...)
	for i, test := range tests {
		name := group.ID() + "/" + strconv.Itoa(i+1)
		if test.Result == nil {
			t.Errorf("%s: %s: did not run", name, test.Desc)
			continue
		}
		ran++
		why, known := exceptions[name]
		failed := test.Result.Failed || test.Result.Skipped
		switch {
		case failed && !known:
			t.Errorf("%s: %s: %s\n%v", name, test.Desc, test.Requirement, test.Result.Error)
		case !failed && known:
			t.Errorf("%s: %s: passes, though it should not: %s", name, test.Desc, why)
		}
	}
	for _, g := range group.Groups {
		ran += judge(t, g)
	}
	return ran
}
