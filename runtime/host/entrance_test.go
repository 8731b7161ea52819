package host

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/telemetry"
)

func TestTheAccessLogIsOpenedAnewWheneverThatIsAskedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	log, err := telemetry.OpenAccessLog(telemetry.AccessLogConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	again := make(chan os.Signal)
	reopening := part(make(chan error, 1), "access log", (&entrance{log: log}).reopenLog(again))
	line := func(n uint64) {
		t.Helper()
		log.Log(&proxy.Entry{Status: 200})
		eventually(t, "the line is written", func() bool { return log.Stats().Written == n })
	}
	line(1)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	again <- os.Interrupt
	reopening.stop() // it has asked by then
	line(2)
	for _, name := range []string{path, path + ".1"} {
		if text, err := os.ReadFile(name); err != nil || bytes.Count(text, []byte("\n")) != 1 {
			t.Errorf("%s holds %q, %v", name, text, err)
		}
	}
	none := part(make(chan error, 1), "access log", (&entrance{}).reopenLog(again))
	again <- os.Interrupt // there is no log
	none.stop()
	never := part(make(chan error, 1), "access log", (&entrance{}).reopenLog(nil))
	never.stop()
}

func TestRequestsThatLeadNowhereAreCounted(t *testing.T) {
	h := &host{traffic: newTraffic(secretForTest(t), zap.NewNop())}
	cfg := config.Default()
	cfg.Listen = "127.0.0.1:0"
	var err error
	if h.entrance, err = openEntrance(cfg, h.traffic.pool, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	defer h.entrance.close()
	for range 2 {
		if _, err := h.traffic.pool.Direct(t.Context(), &proxy.Request{Path: "/"}); !errors.Is(err, proxy.ErrNoRoute) {
			t.Fatal(err)
		}
	}
	if got := h.frontSample().Unrouted; got != 2 {
		t.Errorf("%d are counted", got)
	}
}
