package policy_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// texts is a value for each field that differs from the default.
var texts = map[string][]string{
	"strategy":              {"gradual"},
	"steps":                 {"10%", "100%"},
	"hold":                  {"1m0s"},
	"limit":                 {"2m0s"},
	"max_errors":            {"1%"},
	"max_slow":              {"2.5%"},
	"min_requests":          {"7"},
	"unproven":              {"hold"},
	"on_new":                {"queue"},
	"slow_factor":           {"1.5x"},
	"slow_floor":            {"0s"},
	"overdue":               {"1s"},
	"max_errors_alone":      {"10%"},
	"shield.enabled":        {"off"},
	"shield.routes":         {"POST /orders", "/search"},
	"shield.budget":         {"5%"},
	"sticky":                {"header X-User"},
	"preview_host":          {"preview.example.com"},
	"mirror.share":          {"10%"},
	"mirror.matches":        {"GET /hello"},
	"rehearsal.requests":    {"100"},
	"rehearsal.ignore":      {"$.time", "$.items[*].id", `$["a,b"][0]`},
	"rehearsal.headers":     {"ETag"},
	"rehearsal.keep":        {"Authorization"},
	"max_differences":       {"0%"},
	"checks":                {"GET /healthz 200", "HEAD /hello?a=1,2"},
	"hooks.before_start":    {"https://gate.example/a?b=c,d"},
	"hooks.before_traffic":  {"none"},
	"hooks.each_step":       {"http://127.0.0.1:9/step"},
	"hooks.after_promotion": {"http://[::1]:9/"},
	"hooks.after_rollback":  {"https://ann:secret@gate.example"},
	"hook_timeout":          {"3s"},
	"approvals":             {"before_traffic", "each_step"},
	"approval_timeout":      {"1h0m0s"},
	"freeze":                {"Fri 16:00 - Mon 08:00", "2026-12-24 - 2027-01-02 Europe/Berlin"},
	"signs.crash":           {"50%"},
	"signs.oom":             {"0%"},
	"signs.sandbox":         {"20%"},
	"signs.probes":          {"30%"},
	"signs.restart":         {"40%"},
	"signs.memory":          {"60%"},
	"signs.difference":      {"70%"},
	"signs.denial":          {"80%"},
	"signs.quota":           {"90%"},
}

func all(t *testing.T) policy.Policy {
	t.Helper()
	var p policy.Policy
	for field, values := range texts {
		if err := policy.Set(&p, field, values...); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestEveryFieldIsReadAndWrittenAsTheSame(t *testing.T) {
	if got := slices.Sorted(maps.Keys(texts)); !slices.Equal(got, slices.Sorted(slices.Values(policy.Fields()))) {
		t.Errorf("the fields are %v", policy.Fields())
	}
	p := all(t)
	want := maps.Clone(texts)
	want["steps"] = []string{"10%,100%"}
	if got := policy.Text(p); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	if got := policy.Text(policy.Policy{}); len(got) > 0 {
		t.Errorf("nothing is written as %v", got)
	}
}

func TestAPolicyIsTheSameAfterItWasKept(t *testing.T) {
	for _, p := range []policy.Policy{policy.Default(), all(t).Complete()} {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back policy.Policy
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, p) {
			t.Errorf("kept %+v, got %+v", p, back)
		}
	}
}

func TestOverTakesFromBelowWhatIsUnsetAndNothingElse(t *testing.T) {
	p, base := all(t), policy.Default()
	if got := p.Over(base); !reflect.DeepEqual(got.Complete(), p.Over(policy.Policy{Window: base.Window}).Complete()) {
		t.Errorf("a whole policy lets something through: %+v", got)
	}
	if got := (policy.Policy{}).Over(p); !reflect.DeepEqual(got, p) {
		t.Errorf("nothing over %+v is %+v", p, got)
	}
	for field := range texts {
		var one policy.Policy
		if err := policy.Set(&one, field, texts[field]...); err != nil {
			t.Fatal(err)
		}
		got, below := policy.Text(one.Over(base)), policy.Text(base)
		if !slices.Equal(got[field], policy.Text(one)[field]) {
			t.Errorf("%s: %v is not over %v", field, got[field], below[field])
		}
		delete(got, field)
		delete(below, field)
		if !reflect.DeepEqual(got, below) {
			t.Errorf("%s: changed others: %v", field, got)
		}
	}
	if !reflect.DeepEqual(base, policy.Default()) {
		t.Error("the base was changed")
	}
}

func TestTheDefaultSetsEverythingThatHasAMeasure(t *testing.T) {
	p := policy.Default()
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(p, p.Complete()) {
		t.Errorf("completed it is %+v", p.Complete())
	}
	for _, field := range policy.Fields() {
		_, set := policy.Text(p)[field]
		none := (policy.IsList(field) && field != "steps") || strings.HasPrefix(field, "hooks.") || field == "preview_host"
		if set == none {
			t.Errorf("%s: set %v", field, set)
		}
	}
	p.Steps[0], p.Signs[policy.Crash] = 9, 9
	if !reflect.DeepEqual(policy.Default(), policy.Default().Complete()) || policy.Default().Steps[0] == 9 {
		t.Error("it is not the caller's own")
	}
}

func TestCompleteMakesFitWhatBelongsTogether(t *testing.T) {
	for _, strategy := range []manifest.Strategy{manifest.Instant, manifest.Bluegreen} {
		p := policy.Policy{Rollout: manifest.Rollout{Strategy: strategy, Steps: []manifest.Weight{100, manifest.Full}}}
		if got := p.Complete().Steps; !slices.Equal(got, []manifest.Weight{manifest.Full}) {
			t.Errorf("%s has the steps %v", strategy, got)
		}
	}
	p := policy.Policy{Rollout: manifest.Rollout{Hold: new(manifest.Duration(time.Hour))}, Checks: []policy.Check{}, Hooks: map[policy.Point]string{policy.BeforeStart: ""}}
	got := p.Complete()
	if *got.Limit != *p.Hold || got.Checks != nil || got.Hooks != nil {
		t.Errorf("got %+v", got)
	}
	if p.Hooks == nil {
		t.Error("what was completed was changed")
	}
}

func TestAWrongValueIsRefusedWithFieldValueAndRemedy(t *testing.T) {
	for _, c := range []struct {
		field string
		value string
		want  string
	}{
		{"strategy", "yolo", "write gradual, instant or bluegreen"},
		{"steps", "50%,20%,100%", "20% does not rise"},
		{"steps", "50%", "is not the whole"},
		{"steps", "150%", "is more than the whole"},
		{"hold", "-1s", "is negative"},
		{"limit", "0s", "is no time"},
		{"limit", "-5m", "is no time"},
		{"min_requests", "0", "is no count"},
		{"unproven", "maybe", "write proceed, hold or abort"},
		{"on_new", "ignore", "supersede queue"},
		{"slow_factor", "0.5x", "1x to 100x"},
		{"slow_factor", "NaN", "is no factor"},
		{"slow_factor", "1e9", "is no factor"},
		{"slow_factor", "fast", "is no factor"},
		{"slow_floor", "-1ms", "is too short"},
		{"overdue", "0s", "is too short"},
		{"overdue", "5", "is no duration"},
		{"max_errors_alone", "101%", "is more than the whole"},
		{"shield.enabled", "maybe", "on or off"},
		{"shield.routes", "orders", "begins with '/'"},
		{"shield.routes", "post /orders", "write `POST /orders`"},
		{"shield.routes", "POST /a/../b", "segment '..'"},
		{"shield.routes", "POST  ", "POST /orders"},
		{"sticky", "tenant", "write none, cookie, or header"},
		{"sticky", "header ", "is nothing that a user is known by"},
		{"sticky", "header X User", "is nothing that a user is known by"},
		{"preview_host", "Preview.example", "write preview.example"},
		{"preview_host", "http://p.example", "the name alone"},
		{"preview_host", "", "is no host name"},
		{"mirror.share", "10", "percent sign"},
		{"rehearsal.requests", "-1", "is no number of requests"},
		{"rehearsal.requests", "1000000", "up to 10000"},
		{"rehearsal.ignore", "time", "from the root"},
		{"rehearsal.ignore", "$", "from the root"},
		{"rehearsal.ignore", "$..a", "from the root"},
		{"rehearsal.ignore", "$.a[", "from the root"},
		{"rehearsal.ignore", "$.a[b]", "from the root"},
		{"rehearsal.ignore", "$[]", "from the root"},
		{"rehearsal.ignore", "$.a]", ""},
		{"rehearsal.keep", "a b", "is no name of a header"},
		{"checks", "", "is no check"},
		{"checks", "GET", "begins with '/'"},
		{"checks", "get /a", "get is no method"},
		{"checks", "GET /a 99", "99 is no status"},
		{"checks", "GET /a 200 now", "is no check"},
		{"checks", "GET /a?b=\x01", "percent-encode"},
		{"hooks.before_start", "gate.example/a", "is neither http nor https"},
		{"hooks.before_start", "ftp://gate.example/a", "is neither http nor https"},
		{"hooks.before_start", "https:///a", "names no host"},
		{"hooks.before_start", "https://gate.example/#a", "fragment"},
		{"hooks.before_start", "https://gate.example/a b", "is no URL"},
		{"hook_timeout", "0s", "is too short"},
		{"approvals", "after_promotion", "before_start before_traffic each_step"},
		{"approval_timeout", "-1h", "is too short"},
		{"freeze", "weekends", "write two days"},
		{"signs.crash", "200%", "is more than the whole"},
		{"speed", "9", "is no field of a rollout"},
	} {
		t.Run(c.field+" "+c.value, func(t *testing.T) {
			was := all(t)
			p := all(t)
			err := policy.Set(&p, c.field, c.value)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := err.(*module.Error)
			if !ok || e.Kind != module.Invalid || e.Field != c.field || e.Hint == "" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			if !reflect.DeepEqual(p, was) {
				t.Errorf("it was changed to %+v", p)
			}
		})
	}
}

func TestAListIsTakenOnlyWhereThereCanBeOne(t *testing.T) {
	var p policy.Policy
	for _, values := range [][]string{{}, {"1s", "2s"}} {
		if err := policy.Set(&p, "hold", values...); err == nil || !strings.Contains(err.Error(), "is a list") {
			t.Errorf("%v: got %v", values, err)
		}
	}
	if err := policy.Set(&p, "checks"); err != nil || p.Checks == nil {
		t.Errorf("no checks: got %v, %v", p.Checks, err)
	}
}

func TestValidateNamesEverythingThatIsWrong(t *testing.T) {
	p := policy.Policy{
		Rollout:   manifest.Rollout{Strategy: "yolo", Limit: new(manifest.Duration(-1))},
		Window:    new(manifest.Duration(-1)),
		Overdue:   new(manifest.Duration(-1)),
		Shield:    policy.Shield{Routes: []policy.Match{{Method: "a b", Path: "c"}}},
		Checks:    []policy.Check{{}},
		Hooks:     map[policy.Point]string{"sometimes": "http://a"},
		Signs:     map[policy.Sign]manifest.Weight{policy.Crash: 10001, "mood": 1},
		Freeze:    []policy.Window{"never"},
		Sticky:    "glue",
		Approvals: []policy.Point{policy.AfterRollback},
	}
	err := p.Validate()
	if module.KindOf(err) != module.Invalid {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"strategy ", "limit ", "window ", "overdue ", "shield.routes ", "checks ", `hooks "sometimes"`, "signs.crash ", `signs "mood"`, "freeze ", "sticky ", "approvals "} {
		if !strings.Contains("\n"+err.Error(), "\n"+want) {
			t.Errorf("%v\ndoes not name %s", err, want)
		}
	}
	together := policy.Policy{Rollout: manifest.Rollout{Hold: new(manifest.Duration(time.Minute)), Limit: new(manifest.Duration(time.Second))}}
	if err := together.Validate(); module.KindOf(err) != module.Invalid || !strings.HasPrefix(err.Error(), "limit ") {
		t.Errorf("got %v", err)
	}
}

func TestTheSecretsOfAHookAreNotTold(t *testing.T) {
	for url, want := range map[string]string{
		"https://ann:secret@gate.example/secret?token=secret": "https://gate.example/…",
		"https://ann:secret@gate.example":                     "https://gate.example/…",
		"https://gate.example/services/secret":                "https://gate.example/…",
		"https://gate.example:8443?secret":                    "https://gate.example:8443/…",
		"https://a@b:secret@gate.example":                     "https://gate.example/…",
		"http://127.0.0.1:9":                                  "http://127.0.0.1:9",
		"http://127.0.0.1:9/":                                 "http://127.0.0.1:9",
		"ann:secret@gate.example":                             "…",
		"https://ann:sec\\ret@gate.example":                   "…",
		"https://ann:sec/ret@gate.example":                    "…",
	} {
		if got := policy.RedactURL(url); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
	p := policy.Policy{Hooks: map[policy.Point]string{policy.BeforeStart: "https://gate.example/secret", policy.EachStep: ""}}
	shown, err := json.Marshal(p.Redacted())
	if err != nil || strings.Contains(string(shown), "secret") || !strings.Contains(p.Hooks[policy.BeforeStart], "secret") {
		t.Errorf("shown %s, kept %v, %v", shown, p.Hooks, err)
	}
	for _, bad := range []string{"ftp://ann:secret@gate.example/secret", "https://ann:secret@gate.example/#secret", "https://ann:secret @gate", "secret"} {
		if err := policy.Set(&p, "hooks.before_start", bad); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v", err)
		}
	}
}
