package instance

import (
	"fmt"
	"sync"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/proc"
)

// meter keeps what was seen of a process's usage.
type meter struct {
	mu   sync.Mutex
	last module.Usage
}

// Usage is what the module's own process has taken until now; what it started itself is
// in it where it may start programs and a cgroup counts them. It costs some tens of
// microseconds and does not block for longer. Peak is the kernel's own mark, so that it
// holds what came and went between two looks.
//
// Once the process has ended it is what was seen last, with the whole of the processor
// time, and ErrGone.
func (i *Instance) Usage() (module.Usage, error) {
	i.kills.Store(i.starter.kills.recent())
	var seen module.Usage
	err := i.proc.whileAlive(func(pid int) (err error) {
		seen, err = usageOf(pid)
		return err
	})
	if err == nil && i.cell != nil && len(i.sandbox.Permissions.Exec) > 0 {
		if all, known := i.cell.Usage(); known {
			seen = all
		}
	}
	if state := i.proc.state(); state != nil {
		// Of the rusage only the time is good: its resident set began as the host's.
		seen.CPU = state.UserTime() + state.SystemTime()
	}
	i.meter.mu.Lock()
	defer i.meter.mu.Unlock()
	last := &i.meter.last
	if err == nil {
		last.Memory = seen.Memory
	}
	last.Peak, last.CPU = max(last.Peak, seen.Peak), max(last.CPU, seen.CPU)
	return *last, err
}

// usageOf reads a process's usage. A zombie has no memory and is gone.
func usageOf(pid int) (module.Usage, error) {
	raw, err := proc.Status(pid)
	if err != nil {
		return module.Usage{}, fmt.Errorf("read usage: %w", err)
	}
	resident, there := proc.Bytes(raw, "VmRSS:")
	peak, _ := proc.Bytes(raw, "VmHWM:")
	if !there {
		return module.Usage{}, ErrGone
	}
	cpu, err := proc.CPUTime(pid)
	if err != nil {
		return module.Usage{}, fmt.Errorf("read processor time: %w", err)
	}
	return module.Usage{Memory: resident, Peak: max(peak, resident), CPU: cpu}, nil
}
