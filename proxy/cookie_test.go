package proxy_test

import (
	"slices"
	"testing"

	"github.com/segue-run/segue/proxy"
)

func TestTheRuntimesOwnCookiesAreTakenOutAndTheOthersStand(t *testing.T) {
	for _, c := range []struct{ lines, want []string }{
		{nil, nil},
		{[]string{"a=1; b=\"x y\";c"}, []string{"a=1; b=\"x y\";c"}},
		{[]string{"Segue-Client=x"}, nil},
		{[]string{"Segue-Client=x; a=1"}, []string{"a=1"}},
		{[]string{"a=1; Segue-Client=x; b=2"}, []string{"a=1; b=2"}},
		{[]string{"a=1;segue-client=x;  SEGUE-CLIENT =y; b=a=b"}, []string{"a=1; b=a=b"}},
		{[]string{"a=Segue-Client=x; xSegue-Client=1"}, []string{"a=Segue-Client=x; xSegue-Client=1"}},
		{[]string{"a=1", "Segue-Client=x", "b=2; Segue-Other"}, []string{"a=1", "b=2"}},
		{[]string{"=Segue-Client=x; a=1"}, []string{"a=1"}},
	} {
		given := slices.Clone(c.lines)
		if got := proxy.ForeignCookies(given); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.lines, got, c.want)
		}
		if !slices.Equal(given, c.lines) {
			t.Errorf("%q was changed to %q", c.lines, given)
		}
	}
}

func TestAModuleSetsNoCookieThatWouldBeReadAsTheRuntimes(t *testing.T) {
	for line, want := range map[string]bool{
		"a=Segue-Client":            false,
		"a=1; Segue-Client=x":       false, // an attribute that nobody knows
		"Segue-Client=x":            true,
		"segue-client=x; Path=/":    true,
		"  Segue-Client =x":         true,
		"=Segue-Client=x":           true, // a browser sends it back as Segue-Client=x
		"\t= Segue-Client=x; Max=1": true,
		"Segue-Client":              true,
	} {
		if got := proxy.SetsInternalCookie(line); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}
