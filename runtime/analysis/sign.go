package analysis

import (
	"strings"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Weigh judges a candidate by evidence beyond requests: Fail when the weights of the
// signs come to the whole, else Inconclusive. The reason names each sign, in order.
func Weigh(signs []module.Sign) Finding {
	f := Finding{Verdict: module.Inconclusive}
	var words []string
	var sum uint64
	for _, s := range signs {
		sum += uint64(s.Weight)
		what := s.Message
		if what == "" {
			what = s.Kind
		}
		words = append(words, what+" ("+percent(part(s.Weight))+")")
	}
	f.Reason = strings.Join(words, "; ")
	if len(signs) > 1 {
		f.Reason += ": " + percent(float64(sum)/float64(manifest.Full)) + " together"
	}
	if sum >= uint64(manifest.Full) {
		f.Verdict = module.Fail
	}
	return f
}
