package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/module"
)

// patience is how long a condition may take that comes soon on any machine.
const patience = 30 * time.Second

// site is one installation: a directory with modules/, a state directory and
// segue.yaml, and at most one runtime on it.
type site struct {
	t       *testing.T
	dir     string
	modules string
	state   string

	proc *exec.Cmd
	done chan struct{} // closed when proc has ended
	log  *logBuffer
	info api.Info
}

// logBuffer keeps what the runtime writes.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newSite makes an installation with the given segue.yaml; nothing runs yet.
func newSite(t *testing.T, yaml string) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, dir: dir, modules: filepath.Join(dir, "modules"), state: filepath.Join(dir, "state"), log: &logBuffer{}}
	must(t, os.Mkdir(s.modules, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "segue.yaml"), []byte(yaml), 0o644))
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("the runtime's log:\n%s", s.log)
		}
	})
	return s
}

// started makes an installation and starts its runtime.
func started(t *testing.T, yaml string) *site {
	t.Helper()
	s := newSite(t, yaml)
	s.start()
	return s
}

const instantly = "rollout: {strategy: instant, hold: 200ms}\n"

// command is a segue command line on this site.
func (s *site) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(built, "segue"), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "SEGUE_STATE="+s.state, "NO_COLOR=1")
	return cmd
}

// start runs the runtime and waits until it serves.
func (s *site) start() {
	s.t.Helper()
	s.launch()
	s.eventually("the runtime is ready", func() error {
		select {
		case <-s.done:
			return stop(fmt.Errorf("the runtime ended: %v", s.proc.ProcessState))
		default:
		}
		out, err := s.command("info", "-o", "json").Output()
		if err != nil {
			return err
		}
		if err := json.Unmarshal(out, &s.info); err != nil {
			return err
		}
		if s.info.PID != s.proc.Process.Pid {
			return fmt.Errorf("pid %d answers, not %d", s.info.PID, s.proc.Process.Pid)
		}
		return s.get("http://"+s.info.AdminAddr+"/readyz", nil)
	})
}

// launch runs the runtime and does not wait.
func (s *site) launch(args ...string) {
	s.t.Helper()
	args = append([]string{"run", "--modules", s.modules, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-level", "debug"}, args...)
	s.proc = s.command(args...)
	s.proc.Stdout, s.proc.Stderr = s.log, s.log
	must(s.t, s.proc.Start())
	s.done = make(chan struct{})
	proc, done := s.proc, s.done
	go func() { _ = proc.Wait(); close(done) }()
}

// stop ends the runtime with SIGTERM and gives its exit code.
func (s *site) stop() int {
	s.t.Helper()
	must(s.t, s.proc.Process.Signal(syscall.SIGTERM))
	s.wait()
	return s.proc.ProcessState.ExitCode()
}

// kill ends the runtime with SIGKILL, if it runs.
func (s *site) kill() {
	if s.proc == nil {
		return
	}
	_ = s.proc.Process.Kill()
	<-s.done
}

func (s *site) wait() {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(2 * patience):
		s.t.Fatalf("the runtime does not end")
	}
}

// segue runs a command that must succeed and gives what it printed.
func (s *site) segue(args ...string) string {
	s.t.Helper()
	out, code := s.try(args...)
	if code != 0 {
		s.t.Fatalf("segue %s exited %d: %s", strings.Join(args, " "), code, out)
	}
	return out
}

// try runs a command and gives what it printed and its exit code.
func (s *site) try(args ...string) (string, int) {
	s.t.Helper()
	cmd := s.command(args...)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// status is what `segue show` says of a module.
func (s *site) status(name string) (module.Status, error) {
	var status module.Status
	out, err := s.command("show", name, "-o", "json").Output()
	if err != nil {
		return status, err
	}
	return status, json.Unmarshal(out, &status)
}

// awaitStatus waits until the module's status is as wanted.
func (s *site) awaitStatus(what string, want func(module.Status) bool) module.Status {
	s.t.Helper()
	var last module.Status
	s.eventually(what, func() (err error) {
		if last, err = s.status("hello"); err == nil && !want(last) {
			err = fmt.Errorf("hello is %s", describe(last))
		}
		return err
	})
	return last
}

// awaitStable waits until the version serves alone.
func (s *site) awaitStable(version string) module.Status {
	s.t.Helper()
	return s.awaitStatus(version+" is stable", func(st module.Status) bool {
		return st.State == module.Active && st.Stable != nil && st.Stable.Version == version && st.Candidate == nil
	})
}

func describe(st module.Status) string {
	text, _ := json.Marshal(st)
	return string(text)
}

// events are all events so far, oldest first.
func (s *site) events() []module.Event {
	s.t.Helper()
	var list []module.Event
	dec := json.NewDecoder(strings.NewReader(s.segue("events", "-o", "json")))
	for {
		var ev module.Event
		err := dec.Decode(&ev)
		if errors.Is(err, io.EOF) {
			return list
		}
		must(s.t, err)
		list = append(list, ev)
	}
}

// eventsOf are the events of a type, about a file where it is named.
func (s *site) eventsOf(typ module.EventType, file string) []module.Event {
	s.t.Helper()
	var list []module.Event
	for _, ev := range s.events() {
		if ev.Type == typ && (file == "" || ev.File == file) {
			list = append(list, ev)
		}
	}
	return list
}

// awaitEvent waits for an event of the type whose reason or message has the text.
func (s *site) awaitEvent(typ module.EventType, file, text string) module.Event {
	s.t.Helper()
	var found module.Event
	s.eventually(fmt.Sprintf("event %s of %q with %q", typ, file, text), func() error {
		for _, ev := range s.eventsOf(typ, file) {
			if strings.Contains(ev.Reason+" "+ev.Message, text) {
				found = ev
				return nil
			}
		}
		return errors.New("not yet")
	})
	return found
}

// drop copies a release into the watched directory under a name, through a rename.
func (s *site) drop(path, name string) {
	s.t.Helper()
	dropInto(s.t, s.modules, path, name)
}

func dropInto(t *testing.T, dir, path, name string) {
	t.Helper()
	must(t, copyFile(path, filepath.Join(dir, "."+name)))
	must(t, os.Rename(filepath.Join(dir, "."+name), filepath.Join(dir, name)))
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

// url is an address on the traffic port.
func (s *site) url(path string) string { return "http://" + s.info.ListenAddr + path }

var client = &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}

// get fetches a URL; anything but 200 is an error. The body goes to into, if given.
func (s *site) get(url string, into *string) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, resp.Status, body)
	}
	if into != nil {
		*into = string(body)
	}
	return nil
}

// served is the release that answered one request.
func (s *site) served(path string) (status int, release, body string) {
	s.t.Helper()
	resp, err := client.Get(s.url(path))
	must(s.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(s.t, err)
	return resp.StatusCode, resp.Header.Get("Segue-Release"), string(text)
}

// stopErr ends eventually at once.
type stopErr struct{ error }

func stop(err error) error { return stopErr{err} }

// eventually tries until it works, and fails the test after patience.
func (s *site) eventually(what string, try func() error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return
		}
		if fatal := (stopErr{}); errors.As(err, &fatal) {
			s.t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("%s: not within %s: %v", what, patience, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
