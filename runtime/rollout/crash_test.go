package rollout_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// The host dies after each single thing that it does in an activation: whatever was
// saved by then is all that the next host knows.
func TestWhereverTheHostDiesTheNextOneFinishesOrTakesBack(t *testing.T) {
	for name, c := range map[string]struct {
		behaviour behaviour
		spoil     bool
		end       []string // what may be stable in the end
	}{
		"a good candidate":               {end: []string{"1.0.0", "1.1.0"}},
		"one that does not start":        {behaviour: behaviour{startErr: errNo}, end: []string{"1.0.0"}},
		"one that fails in its traffic":  {spoil: true, end: []string{"1.0.0", "1.1.0"}},
		"one that never passes a probe":  {behaviour: behaviour{probeErr: errors.New("no")}, end: []string{"1.0.0"}},
		"one that dies while it warms":   {behaviour: behaviour{diesEarly: true}, end: []string{"1.0.0"}},
		"one that comes up very slowly":  {behaviour: behaviour{startTime: 9 * time.Second}, end: []string{"1.0.0", "1.1.0"}},
		"one that ignores being stopped": {behaviour: behaviour{ignores: true}, spoil: true, end: []string{"1.0.0", "1.1.0"}},
	} {
		t.Run(name, func(t *testing.T) {
			points := 1
			for point := 0; point < points; point++ {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					w.activate("1.0.0")
					w.behave("1.1.0", c.behaviour)
					w.dieAfter(point)
					_ = w.offer("1.1.0", gradual)
					w.pass(time.Second)
					if c.spoil && w.instance("1.1.0") != nil {
						w.serve("1.1.0", 5, 5, 0)
					}
					w.pass(time.Minute)
					points = max(points, w.didAfter())
					w.crashHost()
					w.pass(2 * time.Minute)
					if !w.sound(c.end) {
						t.Errorf("the host died after %d things", point)
					}
					w.stop()
				})
			}
			if points < 3 {
				t.Errorf("only %d points were tried", points)
			}
		})
	}
}

// dieAfter lets the host do n more things; nothing is saved after that.
func (w *world) dieAfter(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline = len(w.journal) + n
	w.born = len(w.journal)
}

// didAfter is how many things the host would have done since dieAfter.
func (w *world) didAfter() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.journal) - w.born
}

// sound reports whether one release serves all traffic, it is one of these, and
// nothing is left on its way.
func (w *world) sound(end []string) bool {
	w.t.Helper()
	s := w.status()
	if s.State != module.Active || s.Candidate != nil || s.Stable == nil || !slices.Contains(end, s.Stable.Version) {
		w.t.Errorf("%s with stable %+v and candidate %+v, want one of %v active", s.State, s.Stable, s.Candidate, end)
		return false
	}
	return w.wantSplit(map[string]manifest.Weight{s.Stable.Version: manifest.Full})
}
