package telemetry_test

import (
	"bytes"
	"log"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/segue-run/segue/runtime/telemetry"
)

func TestGosDefaultLoggerIsStructuredAndLimited(t *testing.T) {
	var before bytes.Buffer
	out, flags := log.Writer(), log.Flags()
	defer log.SetFlags(flags)
	defer log.SetOutput(out)
	log.SetOutput(&before)
	log.SetFlags(log.Lshortfile)
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zap.InfoLevel)
		restore := telemetry.RedirectStdLog(zap.New(core))
		defer restore()
		for range 100 {
			log.Print("Unsolicited response " + strings.Repeat("x", 5000))
		}
		if logged.Len() != 10 {
			t.Errorf("%d lines, want 10", logged.Len())
		}
		first := logged.All()[0]
		detail, _ := first.ContextMap()["detail"].(string)
		if first.Level != zap.WarnLevel || !strings.HasPrefix(detail, "Unsolicited response x") || len(detail) > 1100 {
			t.Errorf("level %s, %d bytes: %.40q", first.Level, len(detail), detail)
		}
		time.Sleep(time.Second)
		log.Print("again")
		if last := logged.All()[logged.Len()-1]; last.ContextMap()["detail"] != "again" || last.ContextMap()["left_out"] != uint64(90) {
			t.Errorf("after a pause: %v", last.ContextMap())
		}
	})
	if log.Print("back"); !strings.HasPrefix(before.String(), "stdlog_test.go:") || !strings.HasSuffix(before.String(), ": back\n") {
		t.Errorf("after it is restored: %q", before.String())
	}
}
