package watchdog_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/runtime/sandbox/watchdog"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// role makes the test binary one of the processes that are watched.
const role = "WATCHDOG_TEST_ROLE"

func TestMain(m *testing.M) {
	if name := os.Getenv(role); name != "" {
		play(name)
		return
	}
	goleak.VerifyTestMain(m)
}

// play obeys the lines of standard input, one word and a value each, and answers each.
func play(name string) {
	var kept [][]byte
	var open []*os.File
	lines := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for lines.Scan() {
		verb, value, _ := strings.Cut(lines.Text(), " ")
		answer := "done"
		switch verb {
		case "grow":
			kept = append(kept, memory(value))
		case "sparse":
			answer = sparse(value)
		case "spin":
			for range 2 {
				go spin()
			}
		case "write":
			answer = write(value, &open)
		case "create":
			answer = create(value)
		case "remove":
			answer = fmt.Sprint(os.RemoveAll(value))
		case "beget":
			answer = beget(value == "apart")
		}
		fmt.Println(answer)
	}
	_ = kept
}

func spin() {
	for n := 0; ; n++ {
		_ = n
	}
}

// memory is so many MiB, all of it resident.
func memory(mib string) []byte {
	n, _ := strconv.Atoi(mib)
	b := make([]byte, n<<20)
	for at := 0; at < len(b); at += 4096 {
		b[at] = 1
	}
	return b
}

// sparse reads all over so many GiB that were never written: each page is the kernel's one of
// zeros, and only the tables that lead to it take memory.
func sparse(gib string) string {
	n, _ := strconv.Atoi(gib)
	for range n {
		b, err := syscall.Mmap(-1, 0, 1<<30, syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE)
		if err != nil {
			return err.Error()
		}
		const noHugePages = 15
		_ = syscall.Madvise(b, noHugePages)
		sum := byte(0)
		for at := 0; at < len(b); at += 2 << 20 { // each is in a table of its own
			sum += b[at]
		}
		if sum != 0 {
			return "no zeros"
		}
	}
	return "done"
}

// write makes a file of so many KiB; "unnamed PATH KIB" takes its name away and keeps it
// open. The answer is "done" or the error.
func write(value string, open *[]*os.File) string {
	words := strings.Fields(value)
	unnamed := words[0] == "unnamed"
	if unnamed {
		words = words[1:]
	}
	kib, _ := strconv.Atoi(words[1])
	f, err := os.Create(words[0])
	if err != nil {
		return err.Error()
	}
	if unnamed {
		_ = os.Remove(words[0])
		*open = append(*open, f)
	} else {
		defer f.Close()
	}
	if _, err := f.Write(make([]byte, kib<<10)); err != nil {
		return err.Error()
	}
	return "done"
}

// create makes so many empty files, their names beginning so.
func create(value string) string {
	words := strings.Fields(value)
	most, _ := strconv.Atoi(words[1])
	for n := range most {
		if err := os.WriteFile(words[0]+"-"+strconv.Itoa(n), nil, 0o600); err != nil {
			return err.Error()
		}
	}
	return "done"
}

// beget starts a child that takes 64 MiB and stays; its answer is its pid.
func beget(apart bool) string {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), role+"=child")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: apart, Pdeathsig: syscall.SIGKILL}
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		return err.Error()
	}
	answers := bufio.NewScanner(out)
	answers.Scan()
	fmt.Fprintln(in, "grow 64")
	answers.Scan()
	return strconv.Itoa(cmd.Process.Pid)
}

// watched is a process with what its watchdog did.
type watched struct {
	t       *testing.T
	cmd     *exec.Cmd
	in      *os.File
	answers *bufio.Scanner
	dir     string

	mu      sync.Mutex
	over    bool
	reached []string
	killed  []string
}

// start starts a process.
func start(t *testing.T) *watched {
	t.Helper()
	w := &watched{t: t, cmd: exec.Command("/proc/self/exe"), dir: t.TempDir()}
	w.cmd.Env = append(os.Environ(), role+"=watched")
	w.cmd.Stderr = os.Stderr
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w.cmd.Stdin, w.in = r, in
	// The kernel kills the child with the thread that started it.
	started := make(chan error)
	end := make(chan os.Signal, 1)
	signal.Ignore(syscall.SIGPIPE)
	go func() {
		runtime.LockOSThread()
		started <- w.cmd.Start()
		<-end
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.answers = bufio.NewScanner(out)
	t.Cleanup(func() {
		in.Close()
		_ = syscall.Kill(-w.pid(), syscall.SIGKILL)
		w.mu.Lock()
		w.over = true
		w.mu.Unlock()
		_ = w.cmd.Wait()
		close(end)
	})
	w.expect("ready")
	return w
}

func (w *watched) pid() int { return w.cmd.Process.Pid }

// ask gives an order and returns the answer, "gone" where there is nobody to give one.
func (w *watched) ask(order string) string {
	w.t.Helper()
	if _, err := fmt.Fprintln(w.in, order); err != nil || !w.answers.Scan() {
		return "gone"
	}
	return w.answers.Text()
}

func (w *watched) expect(answer string) {
	w.t.Helper()
	if !w.answers.Scan() || w.answers.Text() != answer {
		w.t.Fatalf("it says %q, want %q", w.answers.Text(), answer)
	}
}

// watch runs a watchdog on it until the test ends, or stop is called.
func (w *watched) watch(cfg watchdog.Config) (stop func()) {
	w.t.Helper()
	cfg.Process = func(f func(pid int) error) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.over {
			return os.ErrProcessDone
		}
		return f(w.pid())
	}
	cfg.Reached = func(quota string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.reached = append(w.reached, quota)
	}
	cfg.Kill = func(quota string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.killed = append(w.killed, quota)
		_ = syscall.Kill(-w.pid(), syscall.SIGKILL)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := watchdog.New(cfg).Run(ctx); err != nil {
			w.t.Errorf("run: %v", err)
		}
	})
	stop = func() {
		cancel()
		ended.Wait()
	}
	w.t.Cleanup(stop)
	return stop
}

// told are the quotas that were reached, and those that it was killed for.
func (w *watched) told() (reached, killed string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.reached, " "), strings.Join(w.killed, " ")
}

// state is the letter by which the kernel tells a process's state; "X" for none.
func state(pid int) string {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "X"
	}
	return string(raw[strings.LastIndexByte(string(raw), ')')+2])
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
