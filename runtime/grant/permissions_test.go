package grant_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/sdk/manifest"
)

// perms are the permissions of a kind.
func perms(kind string, entries ...string) manifest.Permissions {
	var p manifest.Permissions
	*p.Of(kind) = entries
	return p
}

func TestWhatIsAskedForAndGrantedIsWhatRuns(t *testing.T) {
	for name, c := range map[string]struct{ asked, granted, common, missing manifest.Permissions }{
		"nothing":                     {},
		"asked for alone":             {perms("env", "TZ"), manifest.Permissions{}, manifest.Permissions{}, perms("env", "TZ")},
		"granted alone":               {manifest.Permissions{}, perms("env", "TZ"), manifest.Permissions{}, manifest.Permissions{}},
		"both":                        {perms("exec", "/bin/a", "/bin/b"), perms("exec", "/bin/b", "/bin/c"), perms("exec", "/bin/b"), perms("exec", "/bin/a")},
		"below what is granted":       {perms("read", "/etc/ssl/certs"), perms("read", "/etc/ssl"), perms("read", "/etc/ssl/certs"), manifest.Permissions{}},
		"above what is granted":       {perms("read", "/etc"), perms("read", "/etc/ssl", "/etc/hosts", "/srv"), perms("read", "/etc/ssl", "/etc/hosts"), perms("read", "/etc")},
		"a name that only begins so":  {perms("read", "/etc/sslx"), perms("read", "/etc/ssl"), manifest.Permissions{}, perms("read", "/etc/sslx")},
		"everything to read":          {perms("read", "/"), perms("read", "/srv"), perms("read", "/srv"), perms("read", "/")},
		"below everything":            {perms("read", "/srv"), perms("read", "/"), perms("read", "/srv"), manifest.Permissions{}},
		"read of what may be written": {perms("read", "/srv/a"), perms("write", "/srv"), perms("read", "/srv/a"), manifest.Permissions{}},
		"write of what may be read":   {perms("write", "/srv"), perms("read", "/srv/a"), perms("read", "/srv/a"), perms("write", "/srv")},
		"write of what may be both":   {perms("write", "/srv"), manifest.Permissions{Read: []string{"/srv"}, Write: []string{"/srv"}}, perms("write", "/srv"), manifest.Permissions{}},
		"a program that may be read":  {perms("exec", "/bin/a"), perms("read", "/bin/a"), manifest.Permissions{}, perms("exec", "/bin/a")},
		"its own folders":             {manifest.Permissions{Read: []string{"{data}/in"}, Write: []string{"{data}", "{tmp}/x"}}, manifest.Permissions{}, manifest.Permissions{Read: []string{"{data}/in"}, Write: []string{"{data}", "{tmp}/x"}}, manifest.Permissions{}},
		"a name below a wildcard":     {perms("connect", "api.example.com:443"), perms("connect", "*.example.com:443"), perms("connect", "api.example.com:443"), manifest.Permissions{}},
		"names far below a wildcard":  {perms("connect", "*.eu.example.com:443"), perms("connect", "*.example.com:*"), perms("connect", "*.eu.example.com:443"), manifest.Permissions{}},
		"the name of a wildcard":      {perms("connect", "example.com:443"), perms("connect", "*.example.com:443"), manifest.Permissions{}, perms("connect", "example.com:443")},
		"a name that only ends so":    {perms("connect", "badexample.com:443"), perms("connect", "*.example.com:443"), manifest.Permissions{}, perms("connect", "badexample.com:443")},
		"a wildcard for one name":     {perms("connect", "*.example.com:443"), perms("connect", "api.example.com:443"), perms("connect", "api.example.com:443"), perms("connect", "*.example.com:443")},
		"narrower on either side":     {perms("connect", "*.example.com:443"), perms("connect", "api.example.com:*"), perms("connect", "api.example.com:443"), perms("connect", "*.example.com:443")},
		"another port":                {perms("connect", "api.example.com:80"), perms("connect", "api.example.com:443"), manifest.Permissions{}, perms("connect", "api.example.com:80")},
		"every port":                  {perms("connect", "api.example.com:*"), perms("connect", "api.example.com:443"), perms("connect", "api.example.com:443"), perms("connect", "api.example.com:*")},
		"an address of a network":     {perms("connect", "10.1.2.3:443"), perms("connect", "10.0.0.0/8:443"), perms("connect", "10.1.2.3:443"), manifest.Permissions{}},
		"a network of addresses":      {perms("connect", "10.0.0.0/8:443"), perms("connect", "10.0.0.0/9:*", "10.128.0.0/9:*"), perms("connect", "10.0.0.0/9:443", "10.128.0.0/9:443"), perms("connect", "10.0.0.0/8:443")},
		"an address for a name":       {perms("connect", "api.example.com:443"), perms("connect", "0.0.0.0/0:*", "[::/0]:*"), manifest.Permissions{}, perms("connect", "api.example.com:443")},
		"IPv6 and IPv4":               {perms("connect", "10.0.0.1:443"), perms("connect", "[::/0]:443"), manifest.Permissions{}, perms("connect", "10.0.0.1:443")},
		"one of all its addresses":    {perms("listen", "127.0.0.1:9000"), perms("listen", ":9000"), perms("listen", "127.0.0.1:9000"), manifest.Permissions{}},
		"all its addresses":           {perms("listen", ":9000"), perms("listen", "127.0.0.1:9000", "[::1]:9000"), perms("listen", "127.0.0.1:9000", "[::1]:9000"), perms("listen", ":9000")},
		"all its addresses of IPv4":   {perms("listen", "127.0.0.1:9000", "[::1]:9000"), perms("listen", "0.0.0.0:9000"), perms("listen", "127.0.0.1:9000"), perms("listen", "[::1]:9000")},
		"another port to listen on":   {perms("listen", ":9001"), perms("listen", ":9000"), manifest.Permissions{}, perms("listen", ":9001")},
		"one of all tenants":          {perms("tenants", "acme"), perms("tenants", "*"), perms("tenants", "acme"), manifest.Permissions{}},
		"all tenants":                 {perms("tenants", "*"), perms("tenants", "acme", "duff"), perms("tenants", "acme", "duff"), perms("tenants", "*")},
		"another version":             {perms("capabilities", "payments@1.2"), perms("capabilities", "payments@1"), manifest.Permissions{}, perms("capabilities", "payments@1.2")},
		"the same twice":              {perms("env", "TZ", "TZ"), perms("env", "TZ"), perms("env", "TZ"), manifest.Permissions{}},
		"what nobody can understand":  {perms("connect", "?"), perms("connect", "*.com:*", "0.0.0.0/0:*"), manifest.Permissions{}, perms("connect", "?")},
		"a grant that means nothing":  {perms("listen", ":1"), perms("listen", "", "?"), manifest.Permissions{}, perms("listen", ":1")},
	} {
		t.Run(name, func(t *testing.T) {
			if got := grant.Common(c.asked, c.granted); !reflect.DeepEqual(got, c.common) {
				t.Errorf("common is %+v, want %+v", got, c.common)
			}
			if got := grant.Missing(c.asked, c.granted); !reflect.DeepEqual(got, c.missing) {
				t.Errorf("missing is %+v, want %+v", got, c.missing)
			}
		})
	}
}

func TestAUnionHasEachEntryOnce(t *testing.T) {
	a := manifest.Permissions{Env: []string{"A", "B"}, Read: []string{"/a"}}
	b := manifest.Permissions{Env: []string{"B", "C"}, Tenants: []string{"*"}}
	want := manifest.Permissions{Env: []string{"A", "B", "C"}, Read: []string{"/a"}, Tenants: []string{"*"}}
	if got := grant.Union(a, b); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if a.Env[1] != "B" || len(a.Env) != 2 {
		t.Errorf("a became %+v", a)
	}
}

func TestEqualPermissionsAreEqualLines(t *testing.T) {
	p := manifest.Permissions{
		Read: []string{"/b", "/a"}, Write: []string{"{data}"}, Connect: []string{"api.example.com:443"}, Listen: []string{":9000"},
		Env: []string{"TZ"}, Exec: []string{"/bin/a"}, Capabilities: []string{"payments@1"}, Tenants: []string{"*"},
	}
	want := []string{"exec /bin/a", "write {data}", "read /a", "read /b", "connect api.example.com:443", "listen :9000", "env TZ", "capabilities payments@1", "tenants *"}
	if got := grant.Lines(p); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := p.Read[0]; got != "/b" {
		t.Errorf("the first to read became %s", got)
	}
}
