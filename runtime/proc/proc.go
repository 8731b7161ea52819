package proc

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// FD is the path by which this process names what one of its own descriptors leads to.
func FD(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// path is that of a file of a process's.
func path(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// read reads the beginning of a file of a process's into buf, as much as that holds.
func read(pid int, name string, buf []byte) ([]byte, error) {
	p := path(pid, name)
	fd, err := unix.Open(p, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: p, Err: err}
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: p, Err: err}
	}
	return buf[:n], nil
}

// Status is the whole of a process's status, or a thread's, for Field and Bytes.
func Status(pid int) ([]byte, error) { return os.ReadFile(path(pid, "status")) }

// Field is what stands behind key in a table of the kernel's, such as "Tgid:" in a
// Status; empty where it is not there.
func Field(table []byte, key string) string {
	for line := range strings.Lines(string(table)) {
		if value, ok := strings.CutPrefix(line, key); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Bytes is a field of a Status that is a size, in bytes. A zombie has none.
func Bytes(status []byte, key string) (n int64, there bool) {
	text, _, _ := strings.Cut(Field(status, key), " ")
	kilobytes, err := strconv.ParseInt(text, 10, 64)
	return kilobytes << 10, err == nil
}

// CPUTime is what a process has taken of processors until now, with all of its threads,
// to the nanosecond; its stat has hundredths of a second.
func CPUTime(pid int) (time.Duration, error) {
	const scheduled = 2 // as clock_getcpuclockid(3) makes the clock's id
	var taken unix.Timespec
	if err := unix.ClockGettime(^int32(pid)<<3|scheduled, &taken); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return time.Duration(taken.Nano()), nil
}
