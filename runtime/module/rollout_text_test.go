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
		Hold: new(manifest.Duration(90 * time.Second)), MaxErrors: new(manifest.Weight(500)), MinRequests: 3,
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
