package route_test

import (
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func build(t testing.TB, entries ...route.Entry) *route.Table {
	t.Helper()
	table, err := route.Build(entries)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// request reads "POST host/path name=value …"; the method may be left out.
func request(text string) *proxy.Request {
	words := strings.Fields(text)
	r := &proxy.Request{Method: http.MethodGet}
	if words[0] == strings.ToUpper(words[0]) && !strings.Contains(words[0], "/") {
		r.Method, words = words[0], words[1:]
	}
	host, path, _ := strings.Cut(words[0], "/")
	r.Host, r.Path = host, "/"+path
	header := http.Header{}
	for _, pair := range words[1:] {
		name, value, _ := strings.Cut(pair, "=")
		header.Add(name, value)
	}
	if len(header) > 0 {
		r.Header = header
	}
	return r
}

// module is who takes the request; empty for nobody.
func module(table *route.Table, r *proxy.Request) string {
	if way := table.Match(r); way != nil {
		return way.Module
	}
	return ""
}
