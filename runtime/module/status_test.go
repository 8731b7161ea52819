package module_test

import (
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

func TestAnOrderIsForTheRolloutThatIsUnderWay(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	running := &module.RolloutStatus{ID: "hello-2", Module: "hello", To: "1.1.0", Actor: "user:ann", Started: began}
	over := *running
	over.Phase, over.Ended = "promoted", began.Add(time.Hour)
	for _, c := range []struct {
		status *module.RolloutStatus
		id     string
		want   string // empty for none
	}{
		{running, "", ""},
		{running, "hello-2", ""},
		{running, "hello-1", `rollout "hello-1": is not the one under way: that is hello-2, to 1.1.0, begun by user:ann at 2026-01-02T03:04:05Z`},
		{&over, "", "to 1.1.0 by user:ann, is promoted since 2026-01-02T04:04:05Z"},
		{&over, "hello-2", "to 1.1.0 by user:ann, is promoted since 2026-01-02T04:04:05Z"},
		{&over, "hello-1", "no other one is since 2026-01-02T04:04:05Z"},
		{nil, "", "no rollout is under way"},
		{nil, "hello-1", "no rollout is under way"},
	} {
		err := c.status.UnderWay(c.id)
		if c.want == "" && err == nil {
			continue
		}
		e, ok := err.(*module.Error)
		if !ok || c.want == "" || e.Kind != module.Conflict || e.Hint == "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v, %q: got %v", c.status, c.id, err)
		}
	}
}
