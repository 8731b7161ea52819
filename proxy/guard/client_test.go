package guard_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/guard"
)

// The proxies 10.0.0.0/8 and fd00::/8 are the operator's.
var trust = guard.NewTrust(prefixes("10.0.0.0/8", "fd00::/8")...)

func peer(addr string, secure bool) *proxy.Peer {
	p := &proxy.Peer{Trusts: trust.Trusts, Secure: secure}
	if addr != "" {
		p.Addr = netip.AddrPortFrom(netip.MustParseAddr(addr), 4711)
		p.Trusted = trust.Trusts(p.Addr.Addr())
	}
	return p
}

func header(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

// lines is what the module is told, one line each.
func lines(t *testing.T, c *guard.Client, route *proxy.Route) map[string]string {
	t.Helper()
	out := map[string]string{}
	c.Tell(route, func(name, value string) {
		if _, twice := out[name]; twice {
			t.Errorf("%s comes twice", name)
		}
		if name != http.CanonicalHeaderKey(name) {
			t.Errorf("%s is not canonical", name)
		}
		out[name] = value
	})
	return out
}

func TestModuleIsToldOfItsClient(t *testing.T) {
	for _, c := range []struct {
		name    string
		peer    string
		secure  bool
		host    string
		header  []string
		want    string // X-Forwarded-For | Host | Proto | Port | Forwarded
		client  string
		overTLS bool
	}{
		{
			name: "of a stranger what was seen", peer: "192.0.2.9", host: "example.com",
			want: "192.0.2.9 | example.com | http | 80 | for=192.0.2.9;host=example.com;proto=http", client: "192.0.2.9",
		}, {
			name: "a stranger's word is nothing", peer: "192.0.2.9", host: "example.com:8080", secure: true,
			header: []string{
				"X-Forwarded-For: 203.0.113.1", "X-Forwarded-Proto: http", "X-Forwarded-Host: evil.example", "X-Forwarded-Port: 1",
				"Forwarded: for=203.0.113.1;proto=http;host=evil.example",
			},
			want:   `192.0.2.9 | example.com:8080 | https | 8080 | for=192.0.2.9;host="example.com:8080";proto=https`,
			client: "192.0.2.9", overTLS: true,
		}, {
			name: "an IPv6 stranger", peer: "2001:db8::7", host: "[2001:db8::1]", secure: true,
			want:   `2001:db8::7 | [2001:db8::1] | https | 443 | for="[2001:db8::7]";host="[2001:db8::1]";proto=https`,
			client: "2001:db8::7", overTLS: true,
		}, {
			name: "an IPv4 address that came in IPv6", peer: "::ffff:192.0.2.9", host: "a",
			want: "192.0.2.9 | a | http | 80 | for=192.0.2.9;host=a;proto=http", client: "192.0.2.9",
		}, {
			name: "a zone is no part of an address", peer: "fe80::1%eth0", host: "a",
			want: `fe80::1 | a | http | 80 | for="[fe80::1]";host=a;proto=http`, client: "fe80::1",
		}, {
			name: "nobody knows who is behind a unix socket", host: "a",
			header: []string{"X-Forwarded-For: 203.0.113.1"},
			want:   " | a | http | 80 | for=unknown;host=a;proto=http",
		}, {
			name: "no host is no line", peer: "192.0.2.9", host: `a";for=x`,
			want: "192.0.2.9 |  | http | 80 | for=192.0.2.9;proto=http", client: "192.0.2.9",
		}, {
			name: "a trusted peer with nothing to say is the client", peer: "10.0.0.1", host: "a",
			want: "10.0.0.1 | a | http | 80 | for=10.0.0.1;host=a;proto=http", client: "10.0.0.1",
		}, {
			name: "a trusted peer is appended to", peer: "10.0.0.1", host: "inner",
			header:  []string{"X-Forwarded-For: 203.0.113.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: example.com", "X-Forwarded-Port: 8443"},
			want:    "203.0.113.1, 10.0.0.1 | example.com | https | 8443 | for=203.0.113.1;host=example.com;proto=https, for=10.0.0.1",
			client:  "203.0.113.1",
			overTLS: true,
		}, {
			name: "what strangers said to a trusted peer goes no further", peer: "10.0.0.1", host: "a",
			header: []string{"X-Forwarded-For: 127.0.0.1, 198.51.100.1, 203.0.113.1"},
			want:   "203.0.113.1, 10.0.0.1 | a | http | 80 | for=203.0.113.1;host=a;proto=http, for=10.0.0.1", client: "203.0.113.1",
		}, {
			name: "a trusted address that a stranger told is not the client", peer: "10.0.0.1", host: "a",
			header: []string{"X-Forwarded-For: 10.0.0.9, 203.0.113.1,10.0.0.2"},
			want:   "203.0.113.1, 10.0.0.2, 10.0.0.1 | a | http | 80 | for=203.0.113.1;host=a;proto=http, for=10.0.0.2, for=10.0.0.1",
			client: "203.0.113.1",
		}, {
			name: "several lines are one list", peer: "10.0.0.1", host: "a",
			header: []string{"X-Forwarded-For: 203.0.113.1", "X-Forwarded-For: , 10.0.0.3 ,", "X-Forwarded-For: fd00::2"},
			want: "203.0.113.1, 10.0.0.3, fd00::2, 10.0.0.1 | a | http | 80 | " +
				`for=203.0.113.1;host=a;proto=http, for=10.0.0.3, for="[fd00::2]", for=10.0.0.1`,
			client: "203.0.113.1",
		}, {
			name: "all are trusted: the farthest is the client", peer: "10.0.0.1", host: "a",
			header: []string{"X-Forwarded-For: 10.0.0.3, 10.0.0.2"},
			want:   "10.0.0.3, 10.0.0.2, 10.0.0.1 | a | http | 80 | for=10.0.0.3;host=a;proto=http, for=10.0.0.2, for=10.0.0.1", client: "10.0.0.3",
		}, {
			name: "what is no address ends the chain", peer: "10.0.0.1", host: "a",
			header: []string{"X-Forwarded-For: 203.0.113.1, unknown, 10.0.0.2"},
			want:   "10.0.0.2, 10.0.0.1 | a | http | 80 | for=10.0.0.2;host=a;proto=http, for=10.0.0.1", client: "10.0.0.2",
		}, {
			name: "addresses with ports, in brackets, in IPv6", peer: "10.0.0.1", host: "a",
			header: []string{"X-Forwarded-For: [2001:db8::5]:443, [fd00::9], ::ffff:10.0.0.4, 10.0.0.2:1234"},
			want: "2001:db8::5, fd00::9, 10.0.0.4, 10.0.0.2, 10.0.0.1 | a | http | 80 | " +
				`for="[2001:db8::5]";host=a;proto=http, for="[fd00::9]", for=10.0.0.4, for=10.0.0.2, for=10.0.0.1`,
			client: "2001:db8::5",
		}, {
			name: "scheme and host are those at the client's place", peer: "10.0.0.1", host: "inner",
			header: []string{
				"X-Forwarded-For: 198.51.100.1, 203.0.113.1, 10.0.0.2",
				"X-Forwarded-Proto: http, https, http", "X-Forwarded-Host: evil.example, example.com, mid",
			},
			want:   "203.0.113.1, 10.0.0.2, 10.0.0.1 | example.com | https | 443 | for=203.0.113.1;host=example.com;proto=https, for=10.0.0.2, for=10.0.0.1",
			client: "203.0.113.1", overTLS: true,
		}, {
			name: "scheme and host are those that are there", peer: "10.0.0.1", host: "inner",
			header: []string{"X-Forwarded-For: 203.0.113.1, 10.0.0.2", "X-Forwarded-Proto: WSS"},
			want:   "203.0.113.1, 10.0.0.2, 10.0.0.1 | inner | https | 443 | for=203.0.113.1;host=inner;proto=https, for=10.0.0.2, for=10.0.0.1",
			client: "203.0.113.1", overTLS: true,
		}, {
			name: "a scheme that is none, a host that is none, a port that is none", peer: "10.0.0.1", host: "a", secure: true,
			header: []string{"X-Forwarded-For: 203.0.113.1", "X-Forwarded-Proto: gopher", "X-Forwarded-Host: a b", "X-Forwarded-Port: 99999"},
			want:   "203.0.113.1, 10.0.0.1 | a | https | 443 | for=203.0.113.1;host=a;proto=https, for=10.0.0.1", client: "203.0.113.1", overTLS: true,
		}, {
			name: "Forwarded, where that is all", peer: "10.0.0.1", host: "inner",
			header: []string{`Forwarded: for=127.0.0.1;host=evil.example, For="[2001:db8::5]:99" ; HOST="example.com:8443";proto=https;by=_x;ext="a\",b"`, "Forwarded: for=10.0.0.2"},
			want: "2001:db8::5, 10.0.0.2, 10.0.0.1 | example.com:8443 | https | 8443 | " +
				`for="[2001:db8::5]";host="example.com:8443";proto=https, for=10.0.0.2, for=10.0.0.1`,
			client: "2001:db8::5", overTLS: true,
		}, {
			name: "X-Forwarded-For counts before Forwarded", peer: "10.0.0.1", host: "a",
			header: []string{"X-Forwarded-For: 203.0.113.1", "Forwarded: for=198.51.100.1;proto=https"},
			want:   "203.0.113.1, 10.0.0.1 | a | http | 80 | for=203.0.113.1;host=a;proto=http, for=10.0.0.1", client: "203.0.113.1",
		}, {
			name: "a broken Forwarded says nothing", peer: "10.0.0.1", host: "a",
			header: []string{`Forwarded: for=203.0.113.1;proto="https`},
			want:   "10.0.0.1 | a | http | 80 | for=10.0.0.1;host=a;proto=http", client: "10.0.0.1",
		}, {
			name: "Forwarded with a parameter twice says nothing", peer: "10.0.0.1", host: "a",
			header: []string{`Forwarded: for=203.0.113.1;for=203.0.113.2`},
			want:   "10.0.0.1 | a | http | 80 | for=10.0.0.1;host=a;proto=http", client: "10.0.0.1",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got guard.Client
			got.Read(peer(c.peer, c.secure), c.host, header(c.header...))
			told := lines(t, &got, nil)
			line := strings.Join([]string{told["X-Forwarded-For"], told["X-Forwarded-Host"], told["X-Forwarded-Proto"], told["X-Forwarded-Port"], told["Forwarded"]}, " | ")
			if line != c.want {
				t.Errorf("told\n%s, want\n%s", line, c.want)
			}
			if told["X-Real-Ip"] != c.client || got.Addr.IsValid() && got.Addr.String() != c.client {
				t.Errorf("client %s (%s), want %s", got.Addr, told["X-Real-Ip"], c.client)
			}
			if got.Secure != c.overTLS {
				t.Errorf("secure %v", got.Secure)
			}
			if _, ok := told["X-Forwarded-For"]; ok && c.client == "" {
				t.Error("an empty X-Forwarded-For")
			}
		})
	}
}

func TestChainIsReadFromItsEndAndNoFurtherThanALimit(t *testing.T) {
	for _, name := range []string{"X-Forwarded-For", "Forwarded"} {
		var all []string
		for i := range 5000 {
			addr := fmt.Sprintf("10.1.%d.%d", i>>8, i&255)
			if name == "Forwarded" {
				addr = "for=" + addr
			}
			all = append(all, addr)
		}
		var c guard.Client
		c.Read(peer("10.0.0.1", false), "a", header(name+": "+strings.Join(all, ", ")))
		chain := strings.Split(lines(t, &c, nil)["X-Forwarded-For"], ", ")
		if len(chain) != 17 || chain[16] != "10.0.0.1" || chain[15] != "10.1.19.135" || c.Addr.String() != chain[0] {
			t.Errorf("%s: %d addresses: %v; client %s", name, len(chain), chain, c.Addr)
		}
	}
}

func TestTrustedPeerWithoutAnAddressIsBelieved(t *testing.T) {
	var c guard.Client
	c.Read(&proxy.Peer{Trusted: true}, "a", header("X-Forwarded-For: 198.51.100.1, 203.0.113.1", "X-Forwarded-Proto: https"))
	told := lines(t, &c, nil)
	if told["X-Forwarded-For"] != "203.0.113.1" || told["Forwarded"] != "for=203.0.113.1;host=a;proto=https, for=unknown" {
		t.Errorf("told %q", told)
	}
}

func TestPrefixIsToldWhereTheRouteStripsIt(t *testing.T) {
	var c guard.Client
	c.Read(peer("10.0.0.1", false), "a", header("X-Forwarded-Prefix: /spoofed"))
	for _, r := range []struct {
		route *proxy.Route
		want  string
	}{{nil, ""}, {&proxy.Route{Prefix: "/api"}, ""}, {&proxy.Route{Strip: true}, ""}, {&proxy.Route{Prefix: "/api", Strip: true}, "/api"}} {
		got, told := lines(t, &c, r.route)["X-Forwarded-Prefix"]
		if got != r.want || told != (r.want != "") {
			t.Errorf("%+v: told %q", r.route, got)
		}
	}
}

func TestRequestIDIsATrustedPeersOrNew(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range []struct {
		peer, id string
		taken    bool
	}{
		{"192.0.2.9", "abc", false},
		{"10.0.0.1", "abc", true},
		{"10.0.0.1", "", false},
		{"10.0.0.1", "a b", false},
		{"10.0.0.1", "a\x7f", false},
		{"10.0.0.1", "gr\xc3\xbc", false},
		{"10.0.0.1", strings.Repeat("x", 128), true},
		{"10.0.0.1", strings.Repeat("x", 129), false},
	} {
		var got guard.Client
		got.Read(peer(c.peer, false), "a", http.Header{"X-Request-Id": {c.id}})
		if taken := got.ID == c.id; taken != c.taken {
			t.Errorf("%s %q: got %q", c.peer, c.id, got.ID)
		}
		if !c.taken && (len(got.ID) != 32 || seen[got.ID] || !guard.SaneID(got.ID)) {
			t.Errorf("new id %q", got.ID)
		}
		seen[got.ID] = true
		if told := lines(t, &got, nil)["X-Request-Id"]; told != got.ID {
			t.Errorf("told %q, is %q", told, got.ID)
		}
	}
	for range 10_000 {
		id := guard.NewID()
		if len(id) != 32 || seen[id] {
			t.Fatalf("id %q again, or of a wrong length", id)
		}
		seen[id] = true
	}
}

func TestTraceContextGoesOnWhereItIsValid(t *testing.T) {
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for value, want := range map[string]bool{
		"":                                                    false,
		"00-" + trace + "-" + span + "-01":                    true,
		"00-" + trace + "-" + span + "-01-":                   false,
		"cc-" + trace + "-" + span + "-01":                    true,
		"cc-" + trace + "-" + span + "-01-what":               true,
		"cc-" + trace + "-" + span + "-01.what":               false,
		"ff-" + trace + "-" + span + "-01":                    false,
		"0-" + trace + "-" + span + "-01":                     false,
		"00-" + strings.Repeat("0", 32) + "-" + span + "-01":  false,
		"00-" + trace + "-" + strings.Repeat("0", 16) + "-01": false,
		"00-" + strings.ToUpper(trace) + "-" + span + "-01":   false,
		"00-" + trace + "-" + span + "-0g":                    false,
		"00-" + trace + "_" + span + "-01":                    false,
		"00" + trace + span + "01":                            false,
	} {
		var c guard.Client
		c.Read(peer("192.0.2.9", false), "a", header("Traceparent: "+value, "Tracestate: a=b"))
		if c.Traced != want {
			t.Errorf("%q: %v", value, c.Traced)
		}
	}
	var c guard.Client
	valid := "00-" + trace + "-" + span + "-01"
	c.Read(peer("192.0.2.9", false), "a", header("Traceparent: "+valid, "Traceparent: "+valid))
	if c.Traced {
		t.Error("two lines are taken for one")
	}
}

func TestReadingCostsOneAllocationOfAStranger(t *testing.T) {
	p := peer("192.0.2.9", false)
	h := header("X-Forwarded-For: 203.0.113.1", "X-Request-Id: abc", "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	bytes := 0
	if n := testing.AllocsPerRun(100, func() {
		var c guard.Client
		c.Read(p, "example.com", h)
		c.Tell(nil, func(name, value string) { bytes += len(name) + len(value) })
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
	p = peer("10.0.0.1", false)
	if n := testing.AllocsPerRun(100, func() {
		var c guard.Client
		c.Read(p, "example.com", h)
		c.Tell(nil, func(name, value string) { bytes += len(name) + len(value) })
	}); n > 2 {
		t.Errorf("%v allocations of a trusted peer", n)
	}
}

func FuzzClientIsWhomALineNamesFirst(f *testing.F) {
	f.Add("203.0.113.1, 10.0.0.2", `for=1.2.3.4;host="a:1"`, "https", "example.com", true)
	f.Add("", `for="[::1]:2", for=10.0.0.1;proto=http`, "", "", false)
	f.Add(",,[::1", `for="\`, ",", "a, b", true)
	f.Fuzz(func(t *testing.T, chain, forwarded, proto, host string, both bool) {
		h := http.Header{"Forwarded": {forwarded}, "X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {host}}
		if both {
			h["X-Forwarded-For"] = []string{chain}
		}
		var c guard.Client
		c.Read(peer("10.0.0.1", false), host, h)
		told := lines(t, &c, nil)
		first, rest, _ := strings.Cut(told["X-Forwarded-For"], ", ")
		if first != c.Addr.String() || told["X-Real-Ip"] != first {
			t.Fatalf("client %s, told %q", c.Addr, told)
		}
		for addr := range strings.SplitSeq(rest, ", ") {
			if rest != "" && !trust.Trusts(netip.MustParseAddr(addr)) {
				t.Fatalf("%s in %q is not trusted", addr, told)
			}
		}
		for name, value := range told {
			if !guard.SaneID("x"+strings.ReplaceAll(value, " ", "")) && len(value) < 100 {
				t.Fatalf("%s: %q", name, value)
			}
		}
		// What we tell, we understand in the same way.
		var again guard.Client
		again.Read(peer("10.0.0.1", false), "", http.Header{"Forwarded": {told["Forwarded"]}})
		if again.Addr != c.Addr || again.Host != c.Host || again.Secure != c.Secure {
			t.Fatalf("%q is read as %+v", told["Forwarded"], again)
		}
	})
}

func BenchmarkClient(b *testing.B) {
	for name, p := range map[string]*proxy.Peer{"of a stranger": peer("192.0.2.9", false), "of a trusted peer": peer("10.0.0.1", false)} {
		b.Run(name, func(b *testing.B) {
			h := header("X-Forwarded-For: 203.0.113.1", "User-Agent: x", "Accept: */*")
			b.ReportAllocs()
			for b.Loop() {
				var c guard.Client
				c.Read(p, "example.com", h)
			}
		})
	}
}
