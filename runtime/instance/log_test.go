package instance_test

import (
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestWhatAModuleWritesIsLoggedWithItsNameAndLevel(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("chatty")
	for _, c := range []struct {
		text   string
		level  zapcore.Level
		stream string
	}{
		{`plain \x1b[31mtext\x1b[0m\u202e\u2028`, zapcore.InfoLevel, "stdout"},
		{"mind the gap", zapcore.WarnLevel, "stderr"},
		{"it broke", zapcore.ErrorLevel, "stderr"},
		{`{"@message":1}`, zapcore.InfoLevel, "stderr"},
		{"details", zapcore.DebugLevel, "stderr"},
		{"windows", zapcore.InfoLevel, "stderr"},
	} {
		e := b.logged(c.text)
		if e.Message != c.text || e.Level != c.level {
			t.Errorf("%q at %s, want %q at %s", e.Message, e.Level, c.text, c.level)
		}
		got := e.ContextMap()
		for key, want := range map[string]string{"module": "tested", "release": "tested@1.0.0", "instance": i.ID(), "stream": c.stream} {
			if got[key] != want {
				t.Errorf("%q has %s %v, want %s", c.text, key, got[key], want)
			}
		}
		if c.text == "it broke" {
			fields, _ := got["fields"].(map[string]any)
			if fields["n"] != 3.0 || fields["release"] != "forged@9.9.9" {
				t.Errorf("the line's own fields are %v", got["fields"])
			}
			if by, _ := fields["by"].([]any); !slices.Equal(by, []any{`a\u202eb`, "one\ntwo"}) {
				t.Errorf("a field of its own is %q", by)
			}
		}
	}
	for _, e := range b.logs.All() {
		if strings.Contains(e.Message, "1|1|unix") {
			t.Error("the handshake is in the log")
		}
	}
}

func TestTheOutputThatGoPluginTakesIsLoggedToo(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("plain")
	if e := b.logged("plain output"); e.Level != zapcore.InfoLevel || e.ContextMap()["stream"] != "stdout" {
		t.Errorf("%+v", e)
	}
	if e := b.logged("plain error"); e.Level != zapcore.ErrorLevel || e.ContextMap()["stream"] != "stderr" {
		t.Errorf("%+v", e)
	}
	if r := i.Stop(t.Context(), 0); r.Killed {
		t.Error("it had to be killed")
	}
}

func TestLinesArriveWholeHoweverTheyAreCut(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("")
	lines := []string{"short", strings.Repeat("a", 10<<10), "", "middle", strings.Repeat("b", 60<<10), "unfinished"}
	say(t, i, strings.Join(lines, "\n"))
	i.Stop(t.Context(), 0)
	var got []string
	for _, e := range b.logs.FilterField(zap.String("stream", "stdout")).All() {
		got = append(got, e.Message)
	}
	want := slices.DeleteFunc(lines, func(l string) bool { return l == "" })
	if !slices.Equal(got, want) {
		t.Errorf("%d lines arrived, want %d", len(got), len(want))
	}
}

func TestALineOfAMegabyteBreaksNothing(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("flood")
	for _, c := range []string{"ooo", "eee"} {
		e := b.logged(c)
		if got := len(e.Message); got != 64<<10 {
			t.Errorf("%d bytes of it were kept", got)
		}
		if got := e.ContextMap()["dropped_bytes"]; got != int64(1<<20-64<<10) {
			t.Errorf("dropped %v bytes", got)
		}
	}
	b.logged("after the flood")
	if err := i.Probe(t.Context()); err != nil {
		t.Errorf("probe: %v", err)
	}
}

func TestAModuleThatWritesWithoutEndIsCutToARate(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("torrent")
	b.logged("a module writes too much; lines were dropped")
	if err := i.Probe(t.Context()); err != nil {
		t.Errorf("probe: %v", err)
	}
	if r := i.Stop(t.Context(), 0); r.Killed {
		t.Error("it had to be killed")
	}
	seconds := map[int64]int{}
	for _, e := range b.logs.FilterMessage("water").All() {
		seconds[e.Time.Unix()]++
	}
	for second, n := range seconds {
		if n > 1100 { // the log's clock and ours may differ by a moment
			t.Errorf("%d lines in second %d", n, second)
		}
	}
}
