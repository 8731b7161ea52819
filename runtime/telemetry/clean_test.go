package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/telemetry"
)

// evil moves the cursor, ends lines in every way, and turns the text around.
const evil = "a\x1b[2Jb\r\nc\x9bd\u009b31me\u202ef\u2028g\u2029h\x7fi\U000e0001j\tk\u0085l\ufeffm"

type evilStringer struct{}

func (evilStringer) String() string { return evil }

func TestALogLineHidesNothingAndIsOneLine(t *testing.T) {
	for _, format := range []string{"console", "json"} {
		for name, write := range map[string]func(*zap.Logger){
			"message":       func(l *zap.Logger) { l.Info(evil) },
			"name":          func(l *zap.Logger) { l.Named(evil).Info("x") },
			"key":           func(l *zap.Logger) { l.Info("x", zap.Bool(evil, true)) },
			"string":        func(l *zap.Logger) { l.Info("x", zap.String("k", evil)) },
			"strings":       func(l *zap.Logger) { l.Info("x", zap.Strings("k", []string{evil})) },
			"byte string":   func(l *zap.Logger) { l.Info("x", zap.ByteString("k", []byte(evil))) },
			"error":         func(l *zap.Logger) { l.Info("x", zap.Error(errors.New(evil))) },
			"joined errors": func(l *zap.Logger) { l.Info("x", zap.Error(errors.Join(errors.New(evil), errors.New(evil)))) },
			"stringer":      func(l *zap.Logger) { l.Info("x", zap.Stringer("k", evilStringer{})) },
			"anything":      func(l *zap.Logger) { l.Info("x", zap.Any("k", map[string]any{"a": []any{evil}})) },
			"dictionary":    func(l *zap.Logger) { l.Info("x", zap.Dict("k", zap.String("k", evil))) },
			"with":          func(l *zap.Logger) { l.With(zap.String("k", evil)).Info("x") },
			"lazily with":   func(l *zap.Logger) { l.WithLazy(zap.String("k", evil)).Info("x") },
		} {
			var out bytes.Buffer
			log, err := telemetry.NewLogger(telemetry.LogConfig{Format: format, Output: &out})
			if err != nil {
				t.Fatal(err)
			}
			write(log)
			line, ended := strings.CutSuffix(out.String(), "\n")
			if !ended || strings.ContainsAny(line, "\x1b\r\n\t\x7f\u0085\u009b\u202e\u2028\u2029\ufeff\U000e0001") || strings.Contains(line, "\x9b3") || strings.Contains(line, "\x9bd") {
				t.Errorf("%s %s: %q", format, name, out.String())
			}
			for _, part := range []string{"[2Jb", `\u202ef\u2028g\u2029h\u007fi\udb40\udc01j`, `\u009b31me`} {
				if !strings.Contains(line, part) {
					t.Errorf("%s %s: %q has no %s", format, name, line, part)
				}
			}
			if format == "json" && !json.Valid([]byte(line)) {
				t.Errorf("%s: %s is no JSON", name, line)
			}
		}
	}
}

func TestWhatIsPrintableStaysAsItIs(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLogger(telemetry.LogConfig{Output: &out})
	if err != nil {
		t.Fatal(err)
	}
	log.Info("Grüße, 世界 😀", zap.String("k", "naïve"))
	log.Info("\x1b[31mred")
	for _, part := range []string{"Grüße, 世界 😀", "naïve", `\x1b[31mred`} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%q has no %s", out.String(), part)
		}
	}
}

func BenchmarkALogLine(b *testing.B) {
	log, err := telemetry.NewLogger(telemetry.LogConfig{Output: new(bytes.Buffer)})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		log.Info("hello@1.1.0 gets 5%", zap.String("module", "hello"))
	}
}
