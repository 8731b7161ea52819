package trial

import (
	"slices"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
)

// rest is how many requests more cannot bring a verdict in this step. Evidence against a
// candidate grows with its own bad requests alone; a proof for it only with its good
// ones and with stable's bad ones. So where so many in a row would not do, no fewer
// will, whatever comes between.
type rest struct {
	bad    uint64 // of the candidate's that are bad cannot fail it
	any    uint64 // of the candidate's, and of stable's bad ones, cannot let it pass
	theirs uint64
}

// awake reports which verdict the request that was just counted may have brought.
func (t *trial) awake(candidate, bad bool) (mayFail, mayPass bool) {
	over := func(n *uint64) bool {
		if *n == 0 {
			return true
		}
		*n--
		return false
	}
	switch {
	case candidate:
		mayFail, mayPass = bad && over(&t.rest.bad), over(&t.rest.any)
	case bad:
		mayPass = over(&t.rest.theirs)
	}
	enough := t.steps[len(t.steps)-1].Candidate.Requests >= t.limits.MinRequests
	return mayFail, mayPass && enough && t.held()
}

// sleep finds out, after a verdict that changed nothing, for how long none will.
func (t *trial) sleep(mayFail, mayPass bool) {
	if mayFail && t.atOnce && !t.cfg.Sticky { // else what was counted already may turn bad
		t.rest.bad = t.without(module.Fail, func(now *analysis.Step, n uint64) {
			worse(&now.Candidate, n)
		})
	}
	if mayPass {
		const often = 8 // so many of the candidate's for one bad one of stable's
		t.rest.any = t.without(module.Pass, func(now *analysis.Step, n uint64) {
			now.Candidate.Requests += n
			worse(&now.Stable, n/often)
		})
		t.rest.theirs = t.rest.any / often
	}
}

func worse(s *analysis.Sample, n uint64) {
	s.Requests, s.Errors, s.Slow = s.Requests+n, s.Errors+n, s.Slow+n
}

// without is a number of requests which, added as by add, do not bring that verdict;
// four times as many may.
func (t *trial) without(verdict module.Verdict, add func(now *analysis.Step, n uint64)) uint64 {
	const farthest = 1 << 12
	most := uint64(0)
	for n := uint64(1); n <= farthest; n *= 4 {
		steps := slices.Clone(t.steps)
		add(&steps[len(steps)-1], n)
		if t.findingOf(steps).Verdict == verdict {
			break
		}
		most = n
	}
	return most
}
