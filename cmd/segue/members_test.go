package main

import (
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

func TestAProcessThatIsOutSaysForHowLongAndWhy(t *testing.T) {
	reason := "more failures than its siblings"
	for _, c := range []struct {
		until    time.Time
		restarts int
		begins   string
	}{
		{time.Now().Add(20 * time.Second), 0, "out for "},
		{time.Now().Add(20 * time.Second), 1, "1 restart, out for "},
		{time.Now().Add(-time.Second), 0, "out again with its next failure: "},
	} {
		row := memberRow(module.Member{PID: 1, Restarts: c.restarts, Ejected: &module.Ejection{Reason: reason, Until: c.until}})
		if note := row[len(row)-1]; !strings.HasPrefix(note, c.begins) || !strings.HasSuffix(note, ": "+reason) {
			t.Errorf("got %q, want %q", note, c.begins)
		}
	}
}
