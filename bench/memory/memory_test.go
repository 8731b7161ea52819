package main

import (
	"os"
	"testing"
)

func TestTheKernelTellsWhatThisProcessHolds(t *testing.T) {
	m, err := read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if m.rss < 1024 || m.pss > m.rss {
		t.Errorf("RSS is %d KiB and PSS %d KiB", m.rss, m.pss)
	}
}

func TestAProcessThatIsNotThereIsAnError(t *testing.T) {
	if m, err := read(1 << 30); err == nil {
		t.Errorf("read %v", m)
	}
}
