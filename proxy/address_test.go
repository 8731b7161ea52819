package proxy_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCleanPathGivesOneSpelling(t *testing.T) {
	for escaped, want := range map[string]string{
		"/":                            "/",
		"/a/b":                         "/a/b",
		"/a/b/":                        "/a/b/",
		"/%61/%62":                     "/a/b",
		"/a%2e%2E/b":                   "/a../b",
		"/.well-known/x":               "/.well-known/x",
		"/..a/.../x":                   "/..a/.../x",
		"//a///b//":                    "/a/b/",
		"/a/./b":                       "/a/b",
		"/a/.":                         "/a/",
		"/a/..":                        "/",
		"/a/b/../c":                    "/a/c",
		"/a/%2e%2e/b":                  "/b",
		"/a/.%2E/b/%2e":                "/b/",
		"/a/b/..//../":                 "/",
		"/caf%c3%a9":                   "/caf%C3%A9",
		"/café":                        "/caf%C3%A9",
		"/a%20b":                       "/a%20b",
		"/%21%3b%40":                   "/!;@",
		"/a%252Fb":                     "/a%252Fb",
		"/%3f%23":                      "/%3F%23",
		"/\"<>^`{|}":                   "/%22%3C%3E%5E%60%7B%7C%7D",
		"/a;v=1/b,c":                   "/a;v=1/b,c",
		"/" + strings.Repeat("x/", 40): "/" + strings.Repeat("x/", 40),
	} {
		got, err := proxy.CleanPath(escaped)
		if err != nil || got != want {
			t.Errorf("CleanPath(%q) = %q, %v; want %q", escaped, got, err, want)
		}
	}
}

func TestCleanPathRefusesWhatHasTwoReadings(t *testing.T) {
	for _, escaped := range []string{"", "*", "a", "http://x/", "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b",
		"/%00", "/a%0d%0ab", "/a\x00b", "/a\tb", "/%7f", "/%", "/%2", "/%zz", "/%2x", "/..", "/a/../..",
		"/%2e%2e/a", "//../a", "/./..", "/a?b", "/a#b"} {
		got, err := proxy.CleanPath(escaped)
		if _, ok := errors.AsType[*proxy.AddressError](err); !ok {
			t.Errorf("CleanPath(%q) = %q, %v; want an AddressError", escaped, got, err)
		}
	}
}

func TestCleanHostGivesOneSpelling(t *testing.T) {
	for host, want := range map[string]string{
		"":                      "",
		"example.com":           "example.com",
		"Example.COM:8080":      "example.com",
		"example.com.":          "example.com",
		"example.com.:80":       "example.com",
		"localhost:":            "localhost",
		"127.0.0.1:1":           "127.0.0.1",
		"[::1]:8080":            "::1",
		"[0:0:0:0:0:0:0:1]":     "::1",
		"[2001:DB8::1]":         "2001:db8::1",
		"my_service.internal:9": "my_service.internal",
	} {
		got, err := proxy.CleanHost(host)
		if err != nil || got != want {
			t.Errorf("CleanHost(%q) = %q, %v; want %q", host, got, err, want)
		}
	}
}

func TestCleanHostRefusesWhatIsNoHost(t *testing.T) {
	for _, host := range []string{".", "a..b", ".a", "a:b", "a:80:80", "user@a", "a/b", "a b", "a\x00", "[::1",
		"[::1]x", "[::1%25eth0]", "[1.2.3.4]", "::1", "é.example", "a:123456", ":80", strings.Repeat("a", 254), "a.."} {
		got, err := proxy.CleanHost(host)
		if _, ok := errors.AsType[*proxy.AddressError](err); !ok {
			t.Errorf("CleanHost(%q) = %q, %v; want an AddressError", host, got, err)
		}
	}
}

func TestACleanAddressCostsNoAllocation(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		_, _ = proxy.CleanPath("/api/v1/orders/17/")
		_, _ = proxy.CleanHost("shop.example.com:8080")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCleanPathIsCleanAndMeansTheSame(f *testing.F) {
	for _, seed := range []string{"/", "/a/../b", "/%2e%2e/", "/a%2fb", "//a//", "/caf%c3%a9/.", "/%25%32%66"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		clean, err := proxy.CleanPath(escaped)
		if err != nil {
			return
		}
		if again, err := proxy.CleanPath(clean); err != nil || again != clean {
			t.Fatalf("CleanPath(%q) = %q, whose own clean spelling is %q, %v", escaped, clean, again, err)
		}
		decoded, err := url.PathUnescape(clean)
		if err != nil {
			t.Fatalf("%q does not decode: %v", clean, err)
		}
		if strings.Count(decoded, "/") != strings.Count(clean, "/") {
			t.Fatalf("%q hides a slash", clean)
		}
		for segment := range strings.SplitSeq(decoded[1:], "/") {
			if segment == "." || segment == ".." {
				t.Fatalf("%q keeps a dot segment", clean)
			}
		}
		if strings.Contains(decoded, "//") || strings.ContainsAny(decoded, "\\\x00\r\n") {
			t.Fatalf("CleanPath(%q) = %q", escaped, clean)
		}
		// net/http's client must put it on the wire as it stands.
		if u := (url.URL{Scheme: "http", Host: "x", Opaque: clean}); u.RequestURI() != clean {
			t.Fatalf("%q goes out as %q", clean, u.RequestURI())
		}
		if !strings.Contains(escaped, "%") && !strings.Contains(escaped, "//") && !strings.Contains(escaped, "/.") {
			if want, err := url.PathUnescape(escaped); err != nil || want != decoded {
				t.Fatalf("%q decodes to %q, clean to %q", escaped, want, decoded)
			}
		}
	})
}

func FuzzCleanHostIsClean(f *testing.F) {
	for _, seed := range []string{"a", "A.b:80", "[::1]:1", "a..b", "[::ffff:1.2.3.4]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		clean, err := proxy.CleanHost(host)
		if err != nil || clean == "" {
			return
		}
		back := clean
		if strings.Contains(clean, ":") {
			back = "[" + clean + "]"
		}
		if again, err := proxy.CleanHost(back); err != nil || again != clean {
			t.Fatalf("CleanHost(%q) = %q, whose own clean spelling is %q, %v", host, clean, again, err)
		}
		if clean != strings.ToLower(clean) {
			t.Fatalf("CleanHost(%q) = %q", host, clean)
		}
	})
}
