package grant_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/sdk/manifest"
)

// rounds is how many pairs of permissions a law is tried on.
const rounds = 1000

// pick is one of the words.
func pick(rng *rand.Rand, words ...string) string { return words[rng.IntN(len(words))] }

// entryOf is an entry out of so few that any two often have to do with each other.
func entryOf(rng *rand.Rand, kind string) string {
	switch kind {
	case "read", "write":
		return pick(rng, "", "", "{data}", "{tmp}") + pick(rng, "/a", "/a/b", "/a/b/c", "/ab", "/d", "/d/e")
	case "connect":
		hosts := []string{"a.example", "x.a.example", "*.a.example", "*.x.a.example", "*.example", "b.example", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "[2001:db8::1]", "[2001:db8::/32]"}
		return pick(rng, hosts...) + ":" + pick(rng, "*", "80", "443")
	case "listen":
		return pick(rng, "", "0.0.0.0", "127.0.0.1", "[::1]") + ":" + pick(rng, "80", "443")
	case "capabilities":
		return pick(rng, "a@1", "a@1.2", "b@1")
	case "exec":
		return pick(rng, "/a", "/a/b", "/d")
	}
	return pick(rng, "A", "B", "C")
}

// some are permissions that are valid.
func some(t *testing.T, rng *rand.Rand) manifest.Permissions {
	var p manifest.Permissions
	for _, kind := range manifest.PermissionKinds {
		for range rng.IntN(4) {
			entry := entryOf(rng, kind)
			if kind == "tenants" && rng.IntN(4) == 0 {
				entry = "*"
			}
			p = grant.Union(p, perms(kind, entry))
		}
	}
	if err := p.Validate(); err != nil {
		t.Fatalf("the test makes what is not valid: %v", err)
	}
	return p
}

// may reports whether p, by itself and as somebody would read it, lets a module do one
// thing. It is written apart from the package, for what the laws are about.
func may(p manifest.Permissions, kind, thing string) bool {
	for _, entry := range *p.Of(kind) {
		switch {
		case entry == thing, kind == "tenants" && entry == "*", (kind == "read" || kind == "write") && strings.HasPrefix(thing, entry+"/"):
			return true
		}
	}
	return kind == "read" && may(p, "write", thing)
}

// things are what a module might do, of each kind but the network's.
var things = map[string][]string{
	"read":         {"/a", "/a/z", "/a/b", "/a/b/c/z", "/ab", "/d", "/d/e", "/z", "/"},
	"write":        {"/a", "/a/z", "/a/b", "/a/b/c/z", "/ab", "/d", "/d/e", "/z", "/"},
	"env":          {"A", "B", "C", "D"},
	"exec":         {"/a", "/a/b", "/a/b/c", "/d"},
	"capabilities": {"a@1", "a@1.2", "b@1", "c@1"},
	"tenants":      {"A", "B", "C", "D"},
}

var (
	hosts = []string{"a.example", "x.a.example", "y.x.a.example", "b.example", "example", "10.0.0.1", "10.1.2.3", "10.1.2.4", "11.0.0.1", "2001:db8::1", "2001:db8::2", "::1"}
	binds = []string{"127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::"}
	ports = []uint16{80, 443, 444}
)

// eachThing tells what two permissions say of everything that a module might do.
func eachThing(p manifest.Permissions, visit func(thing string, allowed bool)) {
	for _, kind := range manifest.PermissionKinds {
		for _, thing := range things[kind] {
			visit(kind+" "+thing, may(p, kind, thing))
		}
	}
	for _, port := range ports {
		for _, host := range hosts {
			visit(fmt.Sprint("connect ", host, " ", port), grant.Connects(p, host, port))
		}
		for _, addr := range binds {
			visit(fmt.Sprint("listen ", addr, " ", port), grant.Listens(p, netip.AddrPortFrom(netip.MustParseAddr(addr), port)))
		}
	}
}

// all is what eachThing tells, to be compared.
func all(p manifest.Permissions) map[string]bool {
	may := map[string]bool{}
	eachThing(p, func(thing string, allowed bool) { may[thing] = allowed })
	return may
}

func TestWhatIsCommonIsWhatBothAllowAndNothingElse(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	allowed := 0
	for range rounds {
		asked, granted := some(t, rng), some(t, rng)
		common := grant.Common(asked, granted)
		if err := common.Validate(); err != nil {
			t.Fatalf("of %+v and %+v: %v", asked, granted, err)
		}
		a, g := all(asked), all(granted)
		eachThing(common, func(thing string, got bool) {
			if got {
				allowed++
			}
			if got != (a[thing] && g[thing]) {
				t.Fatalf("%s is %t, asked for %t and granted %t:\nasked   %+v\ngranted %+v\ncommon  %+v", thing, got, a[thing], g[thing], asked, granted, common)
			}
		})
	}
	if allowed < rounds {
		t.Errorf("%d things were allowed in all; the law was hardly tried", allowed)
	}
}

func TestTheLawsOfGrantsHold(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	none := manifest.Permissions{}
	empty := func(p manifest.Permissions) bool { return reflect.DeepEqual(p, none) }
	for range rounds {
		a, g := some(t, rng), some(t, rng)
		common, missing := grant.Common(a, g), grant.Missing(a, g)
		for law, holds := range map[string]bool{
			"nothing of a is missing of a and more":          empty(grant.Missing(a, grant.Union(a, g))) && empty(grant.Missing(a, grant.Union(g, a))),
			"nothing of what is common is missing of either": empty(grant.Missing(common, g)) && empty(grant.Missing(common, a)),
			"with what is missing it is whole":               empty(grant.Missing(a, grant.Union(g, missing))),
			"what is missing was asked for":                  empty(grant.Missing(missing, a)) && reflect.DeepEqual(grant.Union(a, missing), a),
			"where nothing is missing all of a is common":    !empty(missing) || reflect.DeepEqual(common, a),
			"what is common with itself is itself":           reflect.DeepEqual(grant.Common(a, a), a),
			"what is common is common again":                 reflect.DeepEqual(grant.Common(common, g), common),
			"a union with itself is itself":                  reflect.DeepEqual(grant.Union(a, a), a),
			"lines say whether two are the same":             reflect.DeepEqual(grant.Lines(grant.Union(a, g)), grant.Lines(grant.Union(g, a))),
		} {
			if !holds {
				t.Fatalf("%s, but not for\n%+v\n%+v\ncommon %+v\nmissing %+v", law, a, g, common, missing)
			}
		}
	}
}

// FuzzNothingUngrantedIsCommon feeds texts that Validate would refuse as well.
func FuzzNothingUngrantedIsCommon(f *testing.F) {
	for _, seed := range [][3]string{{"read", "/a", "/a/b"}, {"connect", "*.a:*", "b.a:1"}, {"listen", ":1", "127.0.0.1:1"}, {"connect", "10.0.0.0/8:*", "[::/0]:1"}, {"tenants", "*", "a"}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, kind, asked, granted string) {
		if (&manifest.Permissions{}).Of(kind) == nil {
			return
		}
		a, g := perms(kind, asked), perms(kind, granted)
		common := grant.Common(a, g)
		if left := grant.Missing(common, g); len(grant.Lines(left)) > 0 {
			t.Fatalf("%s %q has %q granted and gets %+v", kind, asked, granted, common)
		}
		if left := grant.Missing(common, a); len(grant.Lines(left)) > 0 {
			t.Fatalf("%s asks for %q and gets %+v", kind, asked, common)
		}
	})
}
