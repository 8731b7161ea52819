package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/state"
	"github.com/segue-run/segue/runtime/telemetry"
)

func stream(t *testing.T, dir string, cfg state.StreamConfig) (*state.Store, *state.Stream) {
	t.Helper()
	s, err := state.Open(state.Config{Dir: dir, Logger: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	st, err := s.Stream(t.Context(), "events", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, st
}

func events(t *testing.T, cfg telemetry.EventsConfig) *telemetry.Events {
	t.Helper()
	if cfg.Stream == nil {
		_, cfg.Stream = stream(t, t.TempDir(), state.StreamConfig{})
	}
	e, err := telemetry.OpenEvents(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func started(mod string, n int) module.Event {
	return module.Event{Type: module.InstanceStarted, Module: mod, Message: fmt.Sprint(n)}
}

// collect gives the first n events of a follower.
func collect(t *testing.T, e *telemetry.Events, f module.EventFilter, n int) []module.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out []module.Event
	for ev, err := range e.Follow(ctx, f) {
		if err != nil {
			t.Fatal(err)
		}
		if out = append(out, ev); len(out) == n {
			return out
		}
	}
	t.Fatalf("followed %d events, want %d", len(out), n)
	return nil
}

func TestEventsAreStoredInOrderAndSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s, st := stream(t, dir, state.StreamConfig{})
	e := events(t, telemetry.EventsConfig{Stream: st})
	for i := range 30 {
		e.Emit(started([]string{"hello", "billing", ""}[i%3], i))
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e.Emit(started("hello", 99)) // after Close: nothing happens
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, st = stream(t, dir, state.StreamConfig{})
	e = events(t, telemetry.EventsConfig{Stream: st})
	if e.LastSeq() != 30 {
		t.Errorf("last is %d", e.LastSeq())
	}
	for name, c := range map[string]struct {
		filter module.EventFilter
		want   []string
	}{
		"newest":        {module.EventFilter{Limit: 3}, []string{"27", "28", "29"}},
		"of a module":   {module.EventFilter{Module: "billing", Limit: 3}, []string{"22", "25", "28"}},
		"after":         {module.EventFilter{After: 28}, []string{"28", "29"}},
		"of a stranger": {module.EventFilter{Module: "../x"}, nil},
	} {
		got, err := e.History(t.Context(), c.filter)
		if err != nil {
			t.Fatal(err)
		}
		var msgs []string
		for _, ev := range got {
			msgs = append(msgs, ev.Message)
			if ev.Seq == 0 || ev.Time.IsZero() {
				t.Errorf("%s: event without place or time: %+v", name, ev)
			}
		}
		if fmt.Sprint(msgs) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, msgs, c.want)
		}
	}
}

func TestAFollowerGetsHistoryThenLiveWithoutGapOrDuplicate(t *testing.T) {
	e := events(t, telemetry.EventsConfig{Buffer: 4})
	const n = 300
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range n {
			e.Emit(started("hello", i))
		}
	})
	e.Emit(started("first", -1))
	for range 4 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			next := uint64(0)
			for ev, err := range e.Follow(ctx, module.EventFilter{Limit: n + 1}) {
				if err != nil {
					t.Error(err)
					return
				}
				if next != 0 && ev.Seq != next {
					t.Errorf("got %d, want %d", ev.Seq, next)
					return
				}
				if next = ev.Seq + 1; ev.Seq == n+1 {
					return
				}
			}
			t.Errorf("ended at %d", next)
		})
	}
	wg.Wait()
}

func TestASlowFollowerResumesFromTheHistory(t *testing.T) {
	e := events(t, telemetry.EventsConfig{Buffer: 2})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []uint64
	first := true
	e.Emit(started("hello", 0))
	for ev, err := range e.Follow(ctx, module.EventFilter{Module: "hello"}) {
		if err != nil {
			t.Fatal(err)
		}
		if first { // while this one dawdles, more happens than its buffer holds
			for i := range 50 {
				e.Emit(started("hello", i))
				e.Emit(started("other", i))
			}
			waitFor(t, func() bool { return e.LastSeq() == 101 })
			first = false
		}
		if got = append(got, ev.Seq); len(got) == 51 {
			break
		}
	}
	for i, seq := range got {
		if want := uint64(2 * i); i > 0 && seq != want {
			t.Fatalf("event %d is %d, want %d", i, seq, want)
		}
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came")
		}
	}
}

func TestFollowingAfterASequenceGivesOnlyWhatCameLater(t *testing.T) {
	e := events(t, telemetry.EventsConfig{})
	e.Emit(started("hello", 1))
	waitFor(t, func() bool { return e.LastSeq() == 1 })
	e.Emit(started("hello", 2))
	if got := collect(t, e, module.EventFilter{After: 1}, 1); got[0].Message != "2" {
		t.Errorf("got %+v", got)
	}
}

func TestAFollowerEndsWithItsContextAndWithTheRecorder(t *testing.T) {
	e := events(t, telemetry.EventsConfig{})
	e.Emit(started("hello", 1))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, err := range e.Follow(ctx, module.EventFilter{}) {
		if err != nil {
			t.Error(err)
		}
		cancel()
	}
	e.Emit(started("hello", 2))
	n := 0
	for _, err := range e.Follow(t.Context(), module.EventFilter{}) {
		if err != nil {
			t.Error(err)
		}
		if n++; n == 2 {
			go e.Close()
		}
	}
	if n != 2 {
		t.Errorf("%d events", n)
	}
	for range e.Follow(t.Context(), module.EventFilter{}) {
		t.Error("an event after the end")
	}
}

// gate is a stream whose appends wait or fail while the test says so.
type gate struct {
	*state.Stream
	mu   sync.Mutex
	err  error
	hold chan struct{}
}

func (g *gate) set(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = err
}

func (g *gate) Append(ctx context.Context, subject string, data []byte) (uint64, error) {
	if g.hold != nil {
		<-g.hold
	}
	g.mu.Lock()
	err := g.err
	g.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return g.Stream.Append(ctx, subject, data)
}

func TestEmitNeverWaitsAndSaysLaterWhatDidNotFit(t *testing.T) {
	_, st := stream(t, t.TempDir(), state.StreamConfig{})
	g := &gate{Stream: st, hold: make(chan struct{})}
	e := events(t, telemetry.EventsConfig{Stream: g, Queue: 4})
	for i := range 100 { // nothing is taken out of the queue, so this ends only if Emit does not wait
		e.Emit(started("hello", i))
	}
	close(g.hold)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := e.History(t.Context(), module.EventFilter{})
	if err != nil {
		t.Fatal(err)
	}
	last := got[len(got)-1]
	if last.Type != module.EventsLost || !strings.Contains(last.Message, fmt.Sprintf("%d events", 100-(len(got)-1))) {
		t.Errorf("after %d stored events the last says %q", len(got)-1, last.Message)
	}
}

func TestWhatCannotBeStoredStillReachesTheLogAndFollowers(t *testing.T) {
	_, st := stream(t, t.TempDir(), state.StreamConfig{})
	g := &gate{Stream: st}
	core, logged := observer.New(zap.InfoLevel)
	e := events(t, telemetry.EventsConfig{Stream: g, Logger: zap.New(core)})
	e.Emit(started("hello", 1))
	waitFor(t, func() bool { return e.LastSeq() == 1 })
	g.set(fmt.Errorf("append: %w", state.ErrFull))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []module.Event
	for ev, err := range e.Follow(ctx, module.EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ev)
		if len(got) == 1 {
			e.Emit(started("hello", 2))
			e.Emit(started("hello", 3))
		}
		if len(got) == 3 {
			g.set(nil)
		}
		if ev.Type == module.EventsLost {
			break
		}
		if len(got) >= 3 { // keep something coming until storing is tried again
			time.Sleep(20 * time.Millisecond)
			e.Emit(started("hello", 4))
		}
	}
	for i, want := range []string{"1", "2", "3"} {
		if got[i].Message != want || (got[i].Seq == 0) != (i > 0) {
			t.Errorf("event %d is %+v", i, got[i])
		}
		if logged.FilterMessage(want).Len() != 1 {
			t.Errorf("event %s is not in the log once", want)
		}
	}
	if last := got[len(got)-1]; last.Seq != 2 || !strings.Contains(last.Message, fmt.Sprintf("%d events", len(got)-2)) {
		t.Errorf("the history says %+v after %d unstored events", last, len(got)-2)
	}
	if logged.FilterMessage("events cannot be stored").Len() != 1 {
		t.Error("the log does not say once that events cannot be stored")
	}
}

func TestAnEventIsOneReadableLineInTheLog(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLogger(telemetry.LogConfig{Output: &out})
	if err != nil {
		t.Fatal(err)
	}
	e := events(t, telemetry.EventsConfig{Logger: log})
	weight := 500
	e.Emit(module.Event{Type: module.RolloutStep, Module: "hello", Version: "1.1.0", Weight: &weight,
		File: "evil\nname", Message: "hello@1.1.0 gets 5%"})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	line := out.String()
	for _, part := range []string{"INFO", "hello@1.1.0 gets 5%", `"release": "hello@1.1.0"`, `"weight": 500`, `"file": "evil\nname"`} {
		if !strings.Contains(line, part) {
			t.Errorf("%q has no %q", line, part)
		}
	}
	if strings.Count(line, "\n") != 1 {
		t.Errorf("%q is not one line", line)
	}
}

func TestAnUnknownLevelOrFormatIsRefused(t *testing.T) {
	for _, cfg := range []telemetry.LogConfig{{Level: "loud"}, {Level: "fatal"}, {Format: "xml"}} {
		if _, err := telemetry.NewLogger(cfg); module.KindOf(err) != module.Invalid {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestAJSONLogIsFilteredByLevel(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLogger(telemetry.LogConfig{Level: "warn", Format: "json", Output: &out})
	if err != nil {
		t.Fatal(err)
	}
	log.Info("quiet")
	log.Warn("loud", zap.Error(errors.New("x")))
	if got := out.String(); strings.Contains(got, "quiet") || !strings.HasPrefix(got, `{"level":"warn"`) || strings.Count(got, "\n") != 1 {
		t.Errorf("got %s", got)
	}
}
