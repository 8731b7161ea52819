package policy_test

import (
	"testing"

	"github.com/segue-run/segue/runtime/policy"
)

func TestAMatchCoversItsMethodAndWhatLiesBelowItsPath(t *testing.T) {
	for _, c := range []struct {
		match, method, path string
		want                bool
	}{
		{"POST /orders", "POST", "/orders", true},
		{"POST /orders", "POST", "/orders/", true},
		{"POST /orders", "POST", "/orders/7", true},
		{"POST /orders", "POST", "/orders2", false},
		{"POST /orders", "POST", "/order", false},
		{"POST /orders", "PUT", "/orders", false},
		{"POST /orders", "post", "/orders", false},
		{"/orders", "DELETE", "/orders/7", true},
		{"/orders/", "DELETE", "/orders", true},
		{"/", "GET", "/", true},
		{"/", "GET", "/any/thing", true},
		{"/", "OPTIONS", "*", false},
	} {
		m, err := policy.ParseMatch(c.match)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Covers(c.method, c.path); got != c.want {
			t.Errorf("%s covers %s %s: %v", c.match, c.method, c.path, got)
		}
	}
}

func TestTheShieldCoversWhatChangesNothingAndWhatIsOptedIn(t *testing.T) {
	routes := []policy.Match{{Method: "POST", Path: "/search"}}
	for _, c := range []struct {
		shield       policy.Shield
		method, path string
		want         bool
	}{
		{policy.Shield{Enabled: policy.On}, "GET", "/a", true},
		{policy.Shield{Enabled: policy.On}, "HEAD", "/a", true},
		{policy.Shield{Enabled: policy.On}, "OPTIONS", "/a", true},
		{policy.Shield{Enabled: policy.On}, "POST", "/search", false},
		{policy.Shield{Enabled: policy.On, Routes: routes}, "POST", "/search/x", true},
		{policy.Shield{Enabled: policy.On, Routes: routes}, "POST", "/orders", false},
		{policy.Shield{Enabled: policy.Off, Routes: routes}, "GET", "/a", false},
		{policy.Shield{Enabled: policy.Off, Routes: routes}, "POST", "/search", false},
	} {
		if got := c.shield.Covers(c.method, c.path); got != c.want {
			t.Errorf("%+v covers %s %s: %v", c.shield, c.method, c.path, got)
		}
	}
}

func TestAMirrorWithoutMatchesCopiesReadsAlone(t *testing.T) {
	posts := policy.Mirror{Matches: []policy.Match{{Method: "POST", Path: "/search"}}}
	for _, c := range []struct {
		mirror       policy.Mirror
		method, path string
		want         bool
	}{
		{policy.Mirror{}, "GET", "/a", true},
		{policy.Mirror{}, "HEAD", "/a", true},
		{policy.Mirror{}, "POST", "/search", false},
		{posts, "POST", "/search", true},
		{posts, "GET", "/a", false},
	} {
		if got := c.mirror.Covers(c.method, c.path); got != c.want {
			t.Errorf("%+v covers %s %s: %v", c.mirror, c.method, c.path, got)
		}
	}
}

func TestAStickyHeaderIsNamed(t *testing.T) {
	for text, want := range map[string]string{"none": "", "cookie": "", "header x-user": "X-User"} {
		s, err := policy.ParseSticky(text)
		if err != nil || s.Header() != want {
			t.Errorf("%s: header %q, %v", text, s.Header(), err)
		}
	}
}
