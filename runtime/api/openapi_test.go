package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// document is as much of OpenAPI as the tests look at.
type document struct {
	OpenAPI string
	Paths   map[string]map[string]json.RawMessage
	Comps   struct {
		Schemas map[string]struct {
			Required   []string
			Properties map[string]json.RawMessage
		}
	} `json:"components"`
}

func documentOf(t *testing.T) (document, string) {
	t.Helper()
	got := serve(t, new(apitest.Runtime), api.Config{}).get(t, "/v1/openapi.json")
	var doc document
	if err := json.Unmarshal([]byte(got.body), &doc); err != nil {
		t.Fatal(err)
	}
	return doc, got.body
}

func TestTheDocumentDescribesExactlyTheRoutes(t *testing.T) {
	doc, _ := documentOf(t)
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("openapi %q", doc.OpenAPI)
	}
	var described []string
	for path, item := range doc.Paths {
		for method := range item {
			if method != "parameters" {
				described = append(described, strings.ToUpper(method)+" "+path)
			}
		}
	}
	s, err := api.New(api.Config{
		Runtime: new(apitest.Runtime), Socket: "x", Metrics: http.NotFoundHandler(),
		Actor: func(*http.Request) (module.Actor, error) { return apitest.Root, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	var registered []string
	for _, route := range s.Routes() {
		registered = append(registered, route.Method+" "+route.Path)
	}
	slices.Sort(described)
	slices.Sort(registered)
	if !slices.Equal(described, registered) {
		t.Errorf("described\n%s\nregistered\n%s", strings.Join(described, "\n"), strings.Join(registered, "\n"))
	}
}

// fields are a struct's JSON names; required are those that are always there.
func fields(t reflect.Type) (all, required []string) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(all, name)
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	slices.Sort(all)
	slices.Sort(required)
	return all, required
}

func TestTheDocumentDescribesExactlyTheTypes(t *testing.T) {
	doc, _ := documentOf(t)
	types := []any{
		api.ModuleList{}, api.RolloutList{}, api.EventList{}, api.AuditList{}, api.Health{}, api.Info{}, api.Problem{},
		module.Status{}, module.ReleaseStatus{}, module.Member{}, module.Ejection{}, module.RolloutStatus{}, module.Sample{}, module.StepSample{}, module.PhaseTime{},
		module.Waiting{}, module.Evidence{}, module.Sign{}, module.Preview{}, module.Comparison{}, module.Difference{}, module.Usage{}, module.Queued{}, module.Displaced{},
		module.Event{}, module.AuditRecord{}, module.Actor{}, manifest.Route{}, manifest.Timeouts{}, manifest.Limits{},
		api.RouteList{}, module.RouteStatus{},
		module.Sandbox{}, module.Layer{}, module.Denial{}, module.Fall{}, module.Grants{}, module.Door{}, manifest.Permissions{}, manifest.Quotas{},
	}
	for _, v := range types {
		typ := reflect.TypeOf(v)
		schema, ok := doc.Comps.Schemas[typ.Name()]
		if !ok {
			t.Errorf("%s is not described", typ.Name())
			continue
		}
		all, required := fields(typ)
		if got := slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(got, all) {
			t.Errorf("%s: described %v, answered %v", typ.Name(), got, all)
		}
		if got := slices.Sorted(slices.Values(schema.Required)); !slices.Equal(got, required) {
			t.Errorf("%s: required %v, always answered %v", typ.Name(), got, required)
		}
	}
	if len(doc.Comps.Schemas) != len(types) {
		t.Errorf("%d schemas for %d types", len(doc.Comps.Schemas), len(types))
	}
}

func TestEveryReferenceInTheDocumentLeadsSomewhere(t *testing.T) {
	_, text := documentOf(t)
	var whole any
	if err := json.Unmarshal([]byte(text), &whole); err != nil {
		t.Fatal(err)
	}
	refs := 0
	var walk func(node any)
	walk = func(node any) {
		switch n := node.(type) {
		case map[string]any:
			if ref, ok := n["$ref"].(string); ok {
				refs++
				at := whole
				for key := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
					object, _ := at.(map[string]any)
					at = object[key]
				}
				if at == nil {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, child := range n {
				walk(child)
			}
		case []any:
			for _, child := range n {
				walk(child)
			}
		}
	}
	walk(whole)
	if refs < 20 {
		t.Error(fmt.Sprint("only ", refs, " references were seen"))
	}
}
