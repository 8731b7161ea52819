package seccomp_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// work is what an honest module does: it listens on a unix socket in its own folder and
// serves until it is told to stop.
func work() error {
	if _, err := confine(unix.SECCOMP_FILTER_FLAG_TSYNC); err != nil {
		return err
	}
	dir := os.Getenv("SECCOMP_DIR")
	listener, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		return err
	}
	server := &http.Server{}
	mux := http.NewServeMux()
	mux.HandleFunc("/work", func(w http.ResponseWriter, r *http.Request) {
		if err := labour(r.Context(), dir); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	stopped := make(chan struct{})
	mux.HandleFunc("/stop", func(http.ResponseWriter, *http.Request) {
		go func() {
			defer close(stopped)
			_ = server.Shutdown(context.Background())
		}()
	})
	server.Handler = mux
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-stopped
	return nil
}

// labour uses what Go programs use.
func labour(ctx context.Context, dir string) error {
	errs := make(chan error)
	for n := range 12 {
		go func() { errs <- errors.Join(files(dir, n), clocks(ctx), memory()) }()
	}
	var all []error
	for range 12 {
		all = append(all, <-errs)
	}
	if err := exec.Command("/proc/self/exe").Run(); !errors.Is(err, os.ErrPermission) {
		all = append(all, fmt.Errorf("starting a program gives %v", err))
	}
	_, err := net.Dial("tcp", "127.0.0.1:1")
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "permission denied") {
		all = append(all, fmt.Errorf("connecting gives %v", err))
	}
	return errors.Join(append(all, pair())...)
}

func files(dir string, n int) error {
	name := filepath.Join(dir, fmt.Sprint("file", n))
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.Reader, 10_000)
	err = errors.Join(err, f.Sync(), f.Truncate(5000), f.Close(), os.Rename(name, name+".new"))
	content, readErr := os.ReadFile(name + ".new")
	entries, listErr := os.ReadDir(dir)
	err = errors.Join(err, readErr, listErr, os.MkdirAll(name+".dir/below", 0o700), os.RemoveAll(name+".dir"))
	if err == nil && (len(content) != 5000 || len(entries) == 0) {
		err = fmt.Errorf("%d bytes, %d entries", len(content), len(entries))
	}
	return errors.Join(err, os.Remove(name+".new"))
}

func clocks(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	<-ctx.Done()
	time.Sleep(time.Millisecond)
	_, err := time.LoadLocation("Europe/Zurich")
	if err != nil && !strings.Contains(err.Error(), "unknown time zone") {
		return err
	}
	return nil
}

// memory collects garbage while there is a loop that the runtime gets out of by a signal
// alone.
func memory() error {
	for range 8 {
		_ = make([]byte, 1<<20)
	}
	var collected atomic.Bool
	var busy sync.WaitGroup
	busy.Go(func() {
		for !collected.Load() {
		}
	})
	runtime.GC()
	collected.Store(true)
	busy.Wait()
	return nil
}

// signalled signals this process, a thread of it, and others.
func signalled() error {
	if _, err := confine(unix.SECCOMP_FILTER_FLAG_TSYNC); err != nil {
		return err
	}
	came := make(chan os.Signal, 2)
	signal.Notify(came, unix.SIGUSR1)
	own, parent := os.Getpid(), os.Getppid()
	for _, send := range []func() error{
		func() error { return unix.Kill(own, unix.SIGUSR1) },
		func() error { return unix.Tgkill(own, unix.Gettid(), unix.SIGUSR1) },
	} {
		if err := send(); err != nil {
			return fmt.Errorf("signalling itself: %w", err)
		}
		<-came
	}
	tkill := func(tid int) error {
		if _, _, errno := unix.Syscall(unix.SYS_TKILL, uintptr(tid), 0, 0); errno != 0 {
			return errno
		}
		return nil
	}
	for what, err := range map[string]error{
		"its parent": unix.Kill(parent, 0), "its group": unix.Kill(-own, 0), "a thread of its parent's": unix.Tgkill(parent, parent, 0),
		"a thread": tkill(parent), "its own thread by that": tkill(own),
	} {
		if err != unix.EPERM {
			return fmt.Errorf("signalling %s gives %v", what, err)
		}
	}
	fmt.Println("done")
	return nil
}

// pair sends over a pair of its own, as a client and a server in one process do.
func pair() error {
	fds, err := syscall.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	ends := make([]net.Conn, 2)
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		ends[i], err = net.FileConn(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		defer ends[i].Close()
	}
	go func() { _, _ = ends[0].Write([]byte("hello")) }()
	_, err = io.ReadFull(ends[1], make([]byte, 5))
	return err
}

// become executes a descriptor with the arguments and environment of this process.
func become(fd int, flags uintptr) error {
	argv, err := syscall.SlicePtrFromStrings(os.Args)
	if err != nil {
		return err
	}
	envv, err := syscall.SlicePtrFromStrings(os.Environ())
	if err != nil {
		return err
	}
	var empty byte
	_, _, errno := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&empty)),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envv[0])), flags, 0)
	return errno
}

// execute has the executable opened under the one number that may be executed, and then
// tries others before that.
func execute() error {
	p := policy()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	if err := unix.Dup3(int(self.Fd()), p.ExecFD, unix.O_CLOEXEC); err != nil {
		return err
	}
	if _, err := confine(unix.SECCOMP_FILTER_FLAG_TSYNC); err != nil {
		return err
	}
	_ = os.Setenv("SECCOMP_SCENARIO", "done")
	if err := become(int(self.Fd()), unix.AT_EMPTY_PATH); err != unix.EPERM {
		return fmt.Errorf("executing another descriptor gives %w", err)
	}
	if err := become(p.ExecFD, 0); err != unix.EPERM {
		return fmt.Errorf("executing a path gives %w", err)
	}
	return become(p.ExecFD, unix.AT_EMPTY_PATH)
}

// spawn starts a program as Go does, and one in a session of its own.
func spawn() error {
	if _, err := confine(unix.SECCOMP_FILTER_FLAG_TSYNC); err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "SECCOMP_SCENARIO=done")
	cmd.Stdout = os.Stdout
	if err := cmd.Run(); err != nil {
		return err
	}
	for name, attr := range map[string]*syscall.SysProcAttr{
		"a session": {Setsid: true}, "a group": {Setpgid: true}, "a namespace": {Cloneflags: unix.CLONE_NEWUSER},
	} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), "SECCOMP_SCENARIO=done")
		cmd.SysProcAttr = attr
		if err := cmd.Run(); !errors.Is(err, unix.EPERM) {
			return fmt.Errorf("starting in %s gives %w", name, err)
		}
	}
	return nil
}
