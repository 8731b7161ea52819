package manifest_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/segue-run/segue/sdk/manifest"
)

func TestAWeightIsWrittenAsAPercentage(t *testing.T) {
	for text, want := range map[string]manifest.Weight{
		"0%": 0, "1%": 100, "25%": 2500, " 25% ": 2500, "12.5%": 1250, "0.25%": 25, "0.01%": 1, "99.99%": 9999, "100%": 10000, "100.00%": 10000, "007%": 700,
	} {
		got, err := manifest.ParseWeight(text)
		if err != nil || got != want {
			t.Errorf("%q: got %d and %v, want %d", text, got, err, want)
		}
		if again, err := manifest.ParseWeight(got.String()); err != nil || again != got {
			t.Errorf("%d: String is %q, which reads as %d and %v", got, got, again, err)
		}
	}
	for _, text := range []string{"", "%", "25", "0.25", "-1%", "+1%", "1e2%", "1.234%", "101%", "100.01%", ".5%", "5.%", "a%", "25%%", "25 %", "1_0%", "99999999999999999999%", "0x10%"} {
		if got, err := manifest.ParseWeight(text); err == nil {
			t.Errorf("%q: accepted as %d", text, got)
		} else if problems := manifest.Problems(err); len(problems) != 1 || problems[0].Hint == "" {
			t.Errorf("%q: no remedy in %v", text, err)
		}
	}
}

func TestARolloutReadsTheSameAfterItIsWritten(t *testing.T) {
	hold, most := manifest.Duration(1500*time.Millisecond), manifest.Weight(250)
	want := manifest.Rollout{Strategy: manifest.Gradual, Steps: []manifest.Weight{25, 1250, 10000}, Hold: &hold, MaxErrors: &most, MinRequests: 5}
	text, err := yaml.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"0.25%", "12.5%", "100%", "hold: 1.5s", "max_errors: 2.5%"} {
		if !strings.Contains(string(text), part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	var fromYAML manifest.Rollout
	if err := yaml.UnmarshalWithOptions(text, &fromYAML, yaml.Strict()); err != nil || !reflect.DeepEqual(fromYAML, want) {
		t.Errorf("from YAML: %+v and %v, want %+v", fromYAML, err, want)
	}
	text, err = json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(text); got != `{"strategy":"gradual","steps":[25,1250,10000],"hold":"1.5s","max_errors":250,"min_requests":5}` {
		t.Errorf("JSON is %s", got)
	}
	var fromJSON manifest.Rollout
	if err := json.Unmarshal(text, &fromJSON); err != nil || !reflect.DeepEqual(fromJSON, want) {
		t.Errorf("from JSON: %+v and %v, want %+v", fromJSON, err, want)
	}
}

func TestAZeroHealthIsLeftOutAndHasDefaults(t *testing.T) {
	text, err := json.Marshal(manifest.Manifest{Name: "a", Version: "1.0.0"})
	if err != nil || strings.Contains(string(text), "health") || strings.Contains(string(text), "rollout") {
		t.Errorf("got %s and %v", text, err)
	}
	want := manifest.Health{
		Interval: manifest.Duration(time.Second), Timeout: manifest.Duration(time.Second),
		Passes: 2, Failures: 3, Deadline: manifest.Duration(10 * time.Second),
	}
	if got := (manifest.Health{}).WithDefaults(); got != want {
		t.Errorf("got %+v", got)
	}
	set := manifest.Health{Path: "/up", Interval: 1, Timeout: 2, Passes: 3, Failures: 4, Deadline: 5}
	if got := set.WithDefaults(); got != set {
		t.Errorf("got %+v", got)
	}
}

func TestWhatARolloutSetsWinsOverItsBase(t *testing.T) {
	none, some := manifest.Duration(0), manifest.Duration(time.Minute)
	zero, most := manifest.Weight(0), manifest.Weight(500)
	base := manifest.Rollout{Strategy: manifest.Gradual, Steps: []manifest.Weight{100, 10000}, Hold: &some, MaxErrors: &most, MinRequests: 5, Limit: &some, MaxSlow: &most, Unproven: manifest.Wait}
	if got := (manifest.Rollout{}).Over(base); !reflect.DeepEqual(got, base) {
		t.Errorf("the zero rollout over a base is %+v", got)
	}
	over := manifest.Rollout{Strategy: manifest.Instant, Steps: []manifest.Weight{10000}, Hold: &none, MaxErrors: &zero, MinRequests: 1, Limit: &some, MaxSlow: &zero, Unproven: manifest.GiveUp}
	if got := over.Over(base); !reflect.DeepEqual(got, over) {
		t.Errorf("a whole rollout over a base is %+v", got)
	}
	if got := (manifest.Rollout{Hold: &none}).Over(base); *got.Hold != 0 || got.Strategy != manifest.Gradual || len(got.Steps) != 2 {
		t.Errorf("a hold of nothing over a base is %+v", got)
	}
}

func TestARolloutIsCheckedFieldByField(t *testing.T) {
	negative, none, second, minute := manifest.Duration(-1), manifest.Duration(0), manifest.Duration(time.Second), manifest.Duration(time.Minute)
	huge := manifest.Weight(10001)
	for field, r := range map[string]manifest.Rollout{
		"strategy":     {Strategy: "yolo"},
		"steps":        {Steps: make([]manifest.Weight, 101)},
		"steps[0]":     {Steps: []manifest.Weight{0, 10000}},
		"steps[1]":     {Steps: []manifest.Weight{100, 100, 10000}},
		"steps[2]":     {Steps: []manifest.Weight{100, 200, 300}},
		"hold":         {Hold: &negative},
		"max_errors":   {MaxErrors: &huge},
		"limit":        {Limit: &none},
		"limit ":       {Hold: &minute, Limit: &second},
		"max_slow":     {MaxSlow: &huge},
		"min_requests": {MinRequests: -1},
		"unproven":     {Unproven: "maybe"},
	} {
		problems := manifest.Problems(r.Validate())
		if len(problems) != 1 || problems[0].Field != strings.TrimSpace(field) || problems[0].Hint == "" {
			t.Errorf("%s: got %v", field, problems)
		}
	}
	if err := (manifest.Rollout{}).Validate(); err != nil {
		t.Errorf("the zero rollout: %v", err)
	}
	all := manifest.Rollout{Strategy: "x", Hold: &negative, MaxErrors: &huge, MinRequests: -1}
	if got := manifest.Problems(all.Validate()); len(got) != 4 {
		t.Errorf("of four problems %d are told: %v", len(got), got)
	}
}
