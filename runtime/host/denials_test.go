package host

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/audit"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/state"
	"github.com/segue-run/segue/runtime/telemetry"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

func TestDenialsOfAModuleDoNotFillTheRecords(t *testing.T) {
	store, err := state.Open(state.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	stored, err := store.Stream(t.Context(), "events", state.StreamConfig{})
	if err != nil {
		t.Fatal(err)
	}
	audited, err := store.Stream(t.Context(), "audit", state.StreamConfig{})
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]int{}
	observe := func(ev module.Event) { counted[ev.Module]++ }
	events, err := telemetry.OpenEvents(telemetry.EventsConfig{Stream: stored, Observe: observe})
	if err != nil {
		t.Fatal(err)
	}
	records, err := audit.New(audit.Config{Stream: audited})
	if err != nil {
		t.Fatal(err)
	}
	j := newJournal(events, records, observe, zap.NewNop())
	for n := range 400 {
		j.denied(release("hello", "1.0.0"), "i", manifest.Quotas{}, module.Denial{By: module.BySeccomp, What: "execve /" + strconv.Itoa(n)})
	}
	j.denied(release("other", "1.0.0"), "i", manifest.Quotas{}, module.Denial{By: module.BySeccomp, What: "ptrace"})
	j.close()
	if err := events.Close(); err != nil {
		t.Fatal(err)
	}
	if counted["hello"] != 400 || counted["other"] != 1 {
		t.Errorf("the metric has %v", counted)
	}
	told, err := records.List(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	byModule, further := map[string]int{}, 0
	for _, rec := range told {
		byModule[rec.Actor.Name]++
		if rec.Action == "further denials" && strings.Contains(rec.Reason, "counted and not recorded") {
			further++
		}
	}
	if byModule["hello"] != 251 || byModule["other"] != 1 || further != 1 {
		t.Errorf("recorded are %v, %d of further ones", byModule, further)
	}
	history, err := events.History(t.Context(), module.EventFilter{Module: "hello", Limit: 1000})
	if err != nil || len(history) != 251 {
		t.Errorf("%d events are told, %v", len(history), err)
	}
}

func TestDenialsAreToldAgainInTheNextHour(t *testing.T) {
	var p pace
	start := time.Now()
	for want := range 70 {
		if n := p.admit("hello", start.Add(time.Duration(want)*time.Second)); n != want+1 {
			t.Fatalf("number %d is %d", want+1, n)
		}
	}
	p.admit("other", start.Add(time.Minute))
	if n := p.admit("hello", start.Add(time.Hour-1)); n != 71 {
		t.Errorf("within the hour it is %d", n)
	}
	if n := p.admit("hello", start.Add(time.Hour)); n != 1 {
		t.Errorf("behind the hour it is %d", n)
	}
	p.admit("third", start.Add(2*time.Hour))
	if len(p.modules) != 1 {
		t.Errorf("%d modules are remembered, and one was denied something lately", len(p.modules))
	}
}
