package telemetry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/telemetry"
)

// memory is a stream without a disk; while hold is there appends wait for it.
type memory struct {
	hold chan struct{}

	mu      sync.Mutex
	entries []module.Entry
}

func (m *memory) Append(_ context.Context, subject string, data []byte) (uint64, error) {
	if m.hold != nil {
		<-m.hold
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	seq := uint64(len(m.entries) + 1)
	m.entries = append(m.entries, module.Entry{Seq: seq, Subject: subject, Data: data})
	return seq, nil
}

func (m *memory) Read(context.Context, string, uint64, int) ([]module.Entry, error) { return nil, nil }

func (m *memory) Last(context.Context, string, int) ([]module.Entry, error) { return nil, nil }

// count gives how many events of a type are stored, and the newest.
func (m *memory) count(t *testing.T, typ module.EventType) (n int, newest module.Event) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		var ev module.Event
		if err := json.Unmarshal(e.Data, &ev); err != nil {
			t.Fatal(err)
		}
		if ev.Type == typ {
			n, newest = n+1, ev
		}
	}
	return n, newest
}

func refused(i int) module.Event {
	return module.Event{Type: module.OfferRefused, File: fmt.Sprint(i), Message: "junk"}
}

func TestRefusedFilesAreToldOneByOneUpToABudgetAndThenByTheirNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := new(memory)
		observed := 0
		e := events(t, telemetry.EventsConfig{Stream: st, Observe: func(module.Event) { observed++ }})
		flood := func(n int) {
			for i := range n {
				e.Emit(refused(i))
				synctest.Wait() // the queue is empty: it is the budget that is looked at
			}
		}
		flood(1000)
		if n, _ := st.count(t, module.OfferRefused); n != 200 {
			t.Errorf("%d are told of one by one, want 200", n)
		}
		if observed != 1000 {
			t.Errorf("%d are counted in the metrics", observed)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if n, last := st.count(t, module.OfferRefused); n != 201 || !strings.HasPrefix(last.Message, "800 more files were refused") {
			t.Errorf("%d are told of, the last is %q", n, last.Message)
		}
		flood(100) // 11 seconds gave 11 back
		if n, _ := st.count(t, module.OfferRefused); n != 212 {
			t.Errorf("%d are told of after a pause, want 212", n)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if n, last := st.count(t, module.OfferRefused); n != 213 || !strings.HasPrefix(last.Message, "89 more files") {
			t.Errorf("%d are told of at the end, the last is %q", n, last.Message)
		}
	})
}

func TestRefusedFilesTakeNoRoomFromWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &memory{hold: make(chan struct{})}
		e := events(t, telemetry.EventsConfig{Stream: st, Queue: 64})
		for i := range 5000 {
			e.Emit(refused(i))
		}
		for i := range 32 { // the half of the queue that is kept
			e.Emit(started("hello", i))
		}
		close(st.hold)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if n, _ := st.count(t, module.InstanceStarted); n != 32 {
			t.Errorf("%d of 32 events of a module are stored", n)
		}
		if n, last := st.count(t, module.EventsLost); n != 0 {
			t.Errorf("events are lost: %s", last.Message)
		}
	})
}

func TestAnEventsTextsAreCutAtACharacter(t *testing.T) {
	st := new(memory)
	e := events(t, telemetry.EventsConfig{Stream: st})
	long := "x" + strings.Repeat("😀", 1000)
	e.Emit(module.Event{Type: module.RolloutFailed, Reason: long, Message: long, File: long})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	_, ev := st.count(t, module.RolloutFailed)
	for _, text := range []string{ev.Reason, ev.Message, ev.File} {
		if want := "x" + strings.Repeat("😀", 255) + "…"; text != want || !utf8.ValidString(text) {
			t.Errorf("%d bytes, ends in %q", len(text), text[len(text)-8:])
		}
	}
}
