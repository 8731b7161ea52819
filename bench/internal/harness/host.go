package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	readyWithin = 20 * time.Second
	stopWithin  = 20 * time.Second
	lookEvery   = 20 * time.Millisecond
)

// Config says what to run.
type Config struct {
	// Root is the repository, with bin/segue built; the current folder by default.
	Root string
	// Settings is the text of segue.yaml; it may be empty.
	Settings string
}

// Host is a runtime that runs.
type Host struct {
	// Dir is the temporary folder; scratch files may lie in it until Stop.
	Dir string
	// URL is where the modules are served, without a slash at the end.
	URL string

	root   string
	admin  string
	client *http.Client // for the admin address
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process is gone
}

// Start starts a runtime and waits until it is ready. Where it does not get
// ready, the error ends with what the runtime logged last.
func Start(ctx context.Context, cfg Config) (*Host, error) {
	root, err := filepath.Abs(cfg.Root)
	if err != nil {
		return nil, err
	}
	binary := filepath.Join(root, "bin", "segue")
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("find the runtime: %w; type: make build modules", err)
	}
	// Directly below the folder for temporary files: socket paths are short.
	dir, err := os.MkdirTemp("", "segue-b")
	if err != nil {
		return nil, err
	}
	// As a machine's own folders are: modules with users of their own get through to theirs.
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	h := &Host{Dir: dir, root: root, client: &http.Client{Transport: &http.Transport{}}, exited: make(chan struct{})}
	if err := h.start(binary, cfg.Settings); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := h.waitReady(ctx); err != nil {
		err = fmt.Errorf("%w; its log ends:\n%s", err, h.LogTail(20))
		return nil, errors.Join(err, h.Stop())
	}
	return h, nil
}

func (h *Host) start(binary, settings string) error {
	addresses, err := freeAddresses(2)
	if err != nil {
		return err
	}
	h.URL, h.admin = "http://"+addresses[0], "http://"+addresses[1]
	config := filepath.Join(h.Dir, "segue.yaml")
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		return err
	}
	if err := os.Mkdir(h.modules(), 0o755); err != nil {
		return err
	}
	log, err := os.Create(h.log())
	if err != nil {
		return err
	}
	defer log.Close()
	h.cmd = exec.Command(binary, "run", "--config", config, "--modules", h.modules(),
		"--state", h.state(), "--listen", addresses[0], "--admin", addresses[1])
	h.cmd.Dir = h.Dir
	h.cmd.Env = cleanEnv()
	h.cmd.Stdout, h.cmd.Stderr = log, log
	// A group of its own: Ctrl-C reaches the benchmark, which then stops it.
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := h.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", binary, err)
	}
	go func() {
		defer close(h.exited)
		_ = h.cmd.Wait() // how it ended is in ProcessState
	}()
	return nil
}

func (h *Host) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fmt.Errorf("not ready within %s", readyWithin))
	defer cancel()
	for {
		if resp, err := h.get(ctx, "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-h.exited:
			return fmt.Errorf("the runtime ended by itself: %s", h.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("wait for the runtime: %w", context.Cause(ctx))
		case <-time.After(lookEvery):
		}
	}
}

// Stop ends the runtime and removes its folder. The error says where it had to be
// killed or did not end well.
func (h *Host) Stop() error {
	defer h.client.CloseIdleConnections()
	var err error
	_ = h.cmd.Process.Signal(syscall.SIGTERM) // gone already is fine
	select {
	case <-h.exited:
	case <-time.After(stopWithin):
		_ = h.cmd.Process.Kill()
		<-h.exited
		err = fmt.Errorf("the runtime did not stop within %s and was killed", stopWithin)
	}
	if err == nil && !h.cmd.ProcessState.Success() {
		err = fmt.Errorf("the runtime ended badly: %s; its log ends:\n%s", h.cmd.ProcessState, h.LogTail(20))
	}
	return errors.Join(err, os.RemoveAll(h.Dir))
}

// PID is the runtime's process id.
func (h *Host) PID() int { return h.cmd.Process.Pid }

// LogTail is the last n lines of the runtime's log.
func (h *Host) LogTail(n int) string {
	text, err := os.ReadFile(h.log())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func (h *Host) modules() string { return filepath.Join(h.Dir, "modules") }
func (h *Host) state() string   { return filepath.Join(h.Dir, "state") }
func (h *Host) log() string     { return filepath.Join(h.Dir, "log") }

func (h *Host) get(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.admin+path, nil)
	if err != nil {
		return nil, err
	}
	return h.client.Do(req)
}

// freeAddresses are n loopback addresses that nobody listened on a moment ago.
func freeAddresses(n int) ([]string, error) {
	var addresses []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}

// cleanEnv is this process's environment without the runtime's own settings.
func cleanEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SEGUE_") {
			env = append(env, v)
		}
	}
	return env
}
