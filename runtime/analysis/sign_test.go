package analysis_test

import (
	"testing"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestSignsFailWhenTheyComeToTheWhole(t *testing.T) {
	sign := func(weight manifest.Weight, kind, message string) module.Sign {
		return module.Sign{Kind: kind, Weight: weight, Message: message}
	}
	for _, c := range []struct {
		name   string
		signs  []module.Sign
		want   module.Verdict
		reason string
	}{
		{"none", nil, module.Inconclusive, ""},
		{"one that is enough", []module.Sign{sign(manifest.Full, "oom", "killed for its memory")}, module.Fail, "killed for its memory (100%)"},
		{"one that is not", []module.Sign{sign(2500, "memory", "memory grew 3 times")}, module.Inconclusive, "memory grew 3 times (25%)"},
		{"two together", []module.Sign{sign(6000, "probe", "a probe failed"), sign(4000, "restart", "")}, module.Fail, "a probe failed (60%); restart (40%): 100% together"},
		{"a little less", []module.Sign{sign(6000, "probe", "a probe failed"), sign(3999, "restart", "")}, module.Inconclusive, "a probe failed (60%); restart (39.99%): 99.99% together"},
		{"more than a weight can hold", []module.Sign{sign(60000, "a", ""), sign(10000, "b", "")}, module.Fail, "a (600%); b (100%): 700% together"},
		{"signs of no weight", []module.Sign{sign(0, "a", ""), sign(0, "b", "")}, module.Inconclusive, "a (0%); b (0%): 0% together"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := analysis.Weigh(c.signs); got.Verdict != c.want || got.Reason != c.reason {
				t.Errorf("Weigh = %+v; want %s, %q", got, c.want, c.reason)
			}
		})
	}
}
