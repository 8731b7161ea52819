package instance_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
)

func usage(t *testing.T, i *instance.Instance) module.Usage {
	t.Helper()
	u, err := i.Usage()
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestUsageFollowsWhatAModuleTakes(t *testing.T) {
	b := newBench(t, nil)
	i, err := b.starter.Start(t.Context(), plugin(t, "chaos/hog"))
	if err != nil {
		t.Fatal(err)
	}
	before := usage(t, i)
	if before.Memory < 1<<20 || before.Memory > 64<<20 || before.Peak < before.Memory || before.CPU <= 0 {
		t.Errorf("at rest it takes %+v", before)
	}
	get(t, i, "/hello/grow?mib=96")
	after := usage(t, i)
	if grown := after.Memory - before.Memory; grown < 96<<20 || grown > 256<<20 {
		t.Errorf("it grew by %d MiB", grown>>20)
	}
	if after.Peak < after.Memory || after.CPU <= before.CPU {
		t.Errorf("before %+v, after %+v", before, after)
	}
	i.Stop(t.Context(), 0)
	last, err := i.Usage()
	if !errors.Is(err, instance.ErrGone) {
		t.Errorf("after its end: %v", err)
	}
	// The launcher is the host's own program; its memory must not count.
	if last.Memory != after.Memory || last.Peak != after.Peak || last.CPU < after.CPU {
		t.Errorf("last seen %+v, after its end %+v", after, last)
	}
}

func TestThePeakRemembersWhatCameAndWentBetweenTwoLooks(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("")
	before := usage(t, i)
	get(t, i, "/spike")
	if after := usage(t, i); after.Peak < before.Memory+60<<20 || after.Memory > after.Peak-32<<20 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestAProcessThatWasKilledHasNoUsage(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("")
	usage(t, i)
	if err := syscall.Kill(i.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// As soon as it is a zombie, and for good once it is reaped.
	waitFor(t, "the end of its usage", func() bool {
		_, err := i.Usage()
		if err != nil && !errors.Is(err, instance.ErrGone) {
			t.Fatal(err)
		}
		return err != nil
	})
	<-i.Done()
	if _, err := i.Usage(); !errors.Is(err, instance.ErrGone) {
		t.Errorf("%v", err)
	}
}

func BenchmarkUsage(b *testing.B) {
	i := newBench(b, nil).start("")
	for b.Loop() {
		if _, err := i.Usage(); err != nil {
			b.Fatal(err)
		}
	}
}
