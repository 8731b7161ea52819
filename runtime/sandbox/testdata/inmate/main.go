// Command inmate does what its arguments say and tells how it went, one line each: it is
// the module in a cell.
package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	for _, arg := range os.Args[1:] {
		what, on, _ := strings.Cut(arg, "=")
		fmt.Printf("%s: %s\n", arg, outcome(acts[what](on)))
	}
}

func outcome(said string, err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok " + said
}

var acts = map[string]func(string) (string, error){
	"read": func(path string) (string, error) {
		raw, err := os.ReadFile(path)
		return fmt.Sprintf("%d bytes", len(raw)), err
	},
	"write": func(path string) (string, error) { return "", os.WriteFile(path, []byte("kept"), 0o600) },
	"symlink": func(ends string) (string, error) {
		to, path, _ := strings.Cut(ends, ">")
		return "", os.Symlink(to, path)
	},
	"link": func(ends string) (string, error) {
		of, path, _ := strings.Cut(ends, ">")
		return "", os.Link(of, path)
	},
	"exec": func(path string) (string, error) {
		out, err := exec.Command(path, "hello").Output()
		return string(out), err
	},
	"dial": func(address string) (string, error) {
		_, err := net.DialTimeout("tcp", address, 5*time.Second)
		return "", err
	},
	"env":    func(name string) (string, error) { return os.Getenv(name), nil },
	"uid":    func(string) (string, error) { return fmt.Sprint(os.Getuid()), nil },
	"cpus":   func(string) (string, error) { return fmt.Sprint(runtime.NumCPU()), nil },
	"cgroup": func(string) (string, error) { return "", syscall.Access("/proc/self/cgroup", 4) },
	"wait": func(string) (string, error) {
		fmt.Println("waiting")
		time.Sleep(time.Hour)
		return "", nil
	},
	// hog takes so many MiB and touches them.
	"hog": func(mib string) (string, error) {
		size, err := strconv.Atoi(mib)
		if err != nil {
			return "", err
		}
		size <<= 20
		block, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
		if err != nil {
			return "", err
		}
		for i := 0; i < size; i += 4096 {
			block[i] = 1
		}
		return "held", nil
	},
	"limits": func(string) (string, error) {
		var said []string
		for _, r := range []int{syscall.RLIMIT_NOFILE, syscall.RLIMIT_DATA, syscall.RLIMIT_FSIZE, 6, syscall.RLIMIT_CPU} {
			var l syscall.Rlimit
			if _, _, e := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, 0, uintptr(r), 0, uintptr(unsafe.Pointer(&l)), 0, 0); e != 0 {
				return "", e
			}
			said = append(said, fmt.Sprint(l.Max))
		}
		return strings.Join(said, " "), nil
	},
}
