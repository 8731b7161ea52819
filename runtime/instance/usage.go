package instance

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/module"
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
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return module.Usage{}, fmt.Errorf("read usage: %w", err)
	}
	resident, there := kilobytes(raw, "VmRSS:")
	peak, _ := kilobytes(raw, "VmHWM:")
	if !there {
		return module.Usage{}, ErrGone
	}
	// The process's own clock, to the nanosecond; /proc has hundredths of a second.
	var cpu unix.Timespec
	if err := unix.ClockGettime(processClock(pid), &cpu); err != nil {
		return module.Usage{}, fmt.Errorf("read processor time: %w", err)
	}
	return module.Usage{Memory: resident, Peak: max(peak, resident), CPU: time.Duration(cpu.Nano())}, nil
}

// kilobytes is a field of /proc/PID/status, in bytes.
func kilobytes(status []byte, field string) (int64, bool) {
	_, rest, ok := bytes.Cut(status, []byte("\n"+field))
	if !ok {
		return 0, false
	}
	text, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n << 10, err == nil
}

// processClock is the id of the clock that counts a process's time on processors, as
// clock_getcpuclockid(3) makes it.
func processClock(pid int) int32 {
	const scheduled = 2
	return ^int32(pid)<<3 | scheduled
}
