package instance_test

import (
	"context"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/instance"
)

func TestFiftyStartsAtOnceAllComeUp(t *testing.T) {
	b := newBench(t, func(c *instance.Config) { c.Logger = nil })
	var wg sync.WaitGroup
	for range 50 {
		spec := b.spec("")
		wg.Go(func() {
			i, err := b.starter.Start(t.Context(), spec)
			if err != nil {
				t.Error(err)
				return
			}
			if err := i.Probe(t.Context()); err != nil {
				t.Errorf("probe: %v", err)
			}
			if r := i.Stop(t.Context(), patience); r.Killed {
				t.Error("it had to be killed")
			}
		})
	}
	wg.Wait()
	b.empty()
}

func TestStartingAndStoppingLeaksNeitherDescriptorsNorGoroutines(t *testing.T) {
	b := newBench(t, func(c *instance.Config) { c.Logger = nil })
	round := func() {
		b.start("").Stop(t.Context(), 0)
		_ = b.refused(t.Context(), "exit")
		_ = b.refused(t.Context(), "fails-to-start")
	}
	round() // the poller and the like stay
	goroutines := goleak.IgnoreCurrent()
	before := descriptors(t)
	for range 50 {
		round()
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if err := goleak.Find(goroutines); err != nil {
		t.Error(err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// BenchmarkStartStop is a start until the module serves, and a stop.
func BenchmarkStartStop(b *testing.B) {
	bench := newBench(b, func(c *instance.Config) { c.Logger = zap.NewNop() })
	phases := map[string]int64{}
	stops := int64(0)
	for b.Loop() {
		i, err := bench.starter.Start(context.Background(), bench.spec(""))
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range i.Phases() {
			phases[p.Name] += p.Micros
		}
		stops += i.Stop(context.Background(), 0).Took.Microseconds()
	}
	for name, micros := range phases {
		b.ReportMetric(float64(micros)/float64(b.N), name+"-µs")
	}
	b.ReportMetric(float64(stops)/float64(b.N), "stop-µs")
}
