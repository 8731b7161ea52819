package module_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestTheTextOfARolloutReadsBackAsTheSame(t *testing.T) {
	want := manifest.Rollout{
		Strategy: manifest.Gradual, Steps: []manifest.Weight{1, 1250, 10000},
		Hold: new(manifest.Duration(90 * time.Second)), Limit: new(manifest.Duration(5 * time.Minute)),
		MaxErrors: new(manifest.Weight(500)), MaxSlow: new(manifest.Weight(250)), MinRequests: 3, Unproven: manifest.Wait,
	}
	var got manifest.Rollout
	for field, text := range module.RolloutText(want) {
		if err := module.SetRollout(&got, field, text); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if text := module.RolloutText(manifest.Rollout{}); len(text) != 0 {
		t.Errorf("an empty rollout is written as %v", text)
	}
}

func TestAWrongFieldOfARolloutIsRefusedAndLeavesItAsItWas(t *testing.T) {
	for field, text := range map[string]string{
		"strategy": "yolo", "steps": "1%,1%,100%", "hold": "-1s", "max_errors": "101%", "min_requests": "0", "speed": "9",
	} {
		was := manifest.Rollout{Strategy: manifest.Instant}
		err := module.SetRollout(&was, field, text)
		if module.KindOf(err) != module.Invalid || !strings.HasPrefix(err.Error(), field+" ") {
			t.Errorf("%s=%s: got %v", field, text, err)
		}
		if !reflect.DeepEqual(was, manifest.Rollout{Strategy: manifest.Instant}) {
			t.Errorf("%s=%s: left %+v", field, text, was)
		}
	}
}

func TestFieldsOfARolloutAreCheckedTogether(t *testing.T) {
	minute, second := new(manifest.Duration(time.Minute)), new(manifest.Duration(time.Second))
	steps := []manifest.Weight{100, manifest.Full}
	for name, c := range map[string]struct {
		rollout manifest.Rollout
		field   string // that is wrong; empty for none
		wish    string // the same as a wish
	}{
		"nothing":                 {manifest.Rollout{}, "", ""},
		"a limit below the hold":  {manifest.Rollout{Hold: minute, Limit: second}, "limit", "limit"},
		"steps alone":             {manifest.Rollout{Steps: steps}, "", ""},
		"steps of a gradual":      {manifest.Rollout{Strategy: manifest.Gradual, Steps: steps}, "", ""},
		"steps of an instant one": {manifest.Rollout{Strategy: manifest.Instant, Steps: steps}, "", "steps"},
		"steps of a bluegreen":    {manifest.Rollout{Strategy: manifest.Bluegreen, Steps: steps}, "", "steps"},
	} {
		for want, err := range map[string]error{c.field: module.CheckRollout(c.rollout), c.wish + " ": module.CheckWish(c.rollout)} {
			e, wrong := err.(*module.Error)
			if want = strings.TrimSpace(want); want == "" && err == nil {
				continue
			}
			if !wrong || e.Kind != module.Invalid || e.Field != want || e.Value == "" || e.Hint == "" {
				t.Errorf("%s: got %v, want one of %q", name, err, want)
			}
		}
	}
}
