package instance

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"
)

// kernelKills counts the processes of this machine that the kernel killed because it
// was short of memory. That is all that it tells without privileges: not which.
type kernelKills struct {
	path string // /proc/vmstat

	mu    sync.Mutex
	at    time.Time
	count uint64
}

// now reads the count; 0 where this kernel does not keep it.
func (k *kernelKills) now() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.readLocked()
}

// recent is the count of at most a second ago.
func (k *kernelKills) recent() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.at) < time.Second {
		return k.count
	}
	return k.readLocked()
}

func (k *kernelKills) readLocked() uint64 {
	raw, err := os.ReadFile(k.path)
	if err != nil {
		return k.count
	}
	for line := range bytes.Lines(raw) {
		if text, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			if n, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64); err == nil {
				k.at, k.count = time.Now(), n
			}
			break
		}
	}
	return k.count
}
