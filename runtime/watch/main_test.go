package watch_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/segue-run/segue/runtime/executable/executabletest"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/watch"
)

// TestMain runs many tests at once: they mostly wait for something not to happen.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// deadline is how long a test waits for what must come.
const deadline = 30 * time.Second

// rig is a watcher over a fresh directory and a consumer that copies what is offered.
type rig struct {
	t    testing.TB
	dir  string // watched
	src  string // beside it, on the same file system
	cfg  watch.Config
	told chan told
	stop func() error
	w    *watch.Watcher
}

// told is one notice as a line, and what an offer brought.
type told struct {
	line    string // "offer NAME", "refused NAME", …
	bytes   []byte
	sidecar []byte
	err     *module.Error
	offer   *watch.Offer // closed
	notice  watch.Notice
}

func newRig(t testing.TB, tune ...func(*watch.Config)) *rig {
	t.Helper()
	base := t.TempDir()
	r := &rig{t: t, dir: filepath.Join(base, "modules"), src: filepath.Join(base, "src")}
	r.cfg = watch.Config{
		Dir: r.dir, Logger: zaptest.NewLogger(t),
		Quiet: 50 * time.Millisecond, Grace: time.Second, RemoveGrace: 500 * time.Millisecond,
		Rescan: time.Hour, // what is told is told by events
	}
	for _, f := range tune {
		f(&r.cfg)
	}
	for _, dir := range []string{r.dir, r.src} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if r.stop != nil {
			r.halt()
		}
	})
	return r
}

// bare runs the watcher without a consumer.
func (r *rig) bare() <-chan watch.Notice {
	r.t.Helper()
	w, err := watch.Open(r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.w = w
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- w.Run(ctx) }()
	r.stop = func() error {
		cancel()
		return <-ran
	}
	return w.Notices()
}

// start runs the watcher and a consumer.
func (r *rig) start() *rig {
	r.t.Helper()
	notices := r.bare()
	r.told = make(chan told, 10000)
	consumed := make(chan struct{})
	go func() {
		defer close(consumed)
		for n := range notices {
			r.told <- tell(r.t, n)
		}
	}()
	stop := r.stop
	r.stop = func() error {
		err := stop()
		<-consumed
		return err
	}
	return r
}

// running starts the rig and takes what is told of an empty directory.
func (r *rig) running() *rig {
	r.t.Helper()
	r.start().want("scanned")
	return r
}

func (r *rig) halt() {
	r.t.Helper()
	if err := r.stop(); err != nil {
		r.t.Errorf("run: %v", err)
	}
	r.stop = nil
}

func tell(t testing.TB, n watch.Notice) told {
	switch n := n.(type) {
	case *watch.Offer:
		b, err := io.ReadAll(n.File)
		err = errors.Join(err, n.Verify(), n.Close())
		if err != nil {
			t.Errorf("take offer %s: %v", n.Name, err)
		}
		return told{line: "offer " + n.Name, bytes: b, sidecar: n.Sidecar, offer: n, notice: n}
	case *watch.Refused:
		return told{line: "refused " + n.Name, err: n.Err, notice: n}
	case *watch.Removed:
		return told{line: "removed " + n.Name, notice: n}
	case *watch.Waiting:
		return told{line: "waiting " + n.Name, notice: n}
	case *watch.Scanned:
		return told{line: strings.TrimSpace("scanned " + strings.Join(n.Unsettled, " ")), notice: n}
	}
	panic(fmt.Sprintf("unknown notice %T", n))
}

// want takes the next notice, which must be the one of the line.
func (r *rig) want(line string) told {
	r.t.Helper()
	select {
	case got := <-r.told:
		if got.line != line {
			r.t.Fatalf("told %q (%v), want %q", got.line, got.err, line)
		}
		return got
	case <-time.After(deadline):
		r.t.Fatalf("nothing told, want %q", line)
	}
	panic("unreachable")
}

// wantWhole takes an offer of name with the given bytes.
func (r *rig) wantWhole(name string, want []byte) told {
	r.t.Helper()
	got := r.want("offer " + name)
	if !bytes.Equal(got.bytes, want) {
		r.t.Fatalf("offered %d bytes of %s, which are not the %d that were meant", len(got.bytes), name, len(want))
	}
	return got
}

// wantNothing gives everything that could still be told the time for it, and then
// checks that the next thing told is of a file dropped last.
func (r *rig) wantNothing() {
	r.t.Helper()
	time.Sleep(max(r.cfg.Quiet, r.cfg.Grace, r.cfg.RemoveGrace) + 300*time.Millisecond)
	name := fmt.Sprintf("sentinel-%d", time.Now().UnixNano())
	r.mv(name, r.file("", 0))
	r.want("offer " + name)
}

// file writes a whole executable of some size beside the directory.
func (r *rig) file(fill string, size int) string {
	r.t.Helper()
	return r.put(filepath.Join(r.src, fmt.Sprintf("file-%d", time.Now().UnixNano())), executabletest.File{Fill: fill, Size: size}.Bytes())
}

func (r *rig) put(path string, b []byte) string {
	r.t.Helper()
	if err := os.WriteFile(path, b, 0o755); err != nil {
		r.t.Fatal(err)
	}
	return path
}

func (r *rig) mv(name, from string) {
	r.t.Helper()
	if err := os.Rename(from, r.path(name)); err != nil {
		r.t.Fatal(err)
	}
}

// overflow tells the watcher that events were lost.
func (r *rig) overflow() { r.w.Overflow() }

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

// sh runs a script in the watched directory, with SRC for the file to drop.
func (r *rig) sh(script, src string) {
	r.t.Helper()
	if err := r.try(script, src); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) try(script, src string) error {
	cmd := exec.Command("sh", "-euc", script)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "SRC="+src)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", script, err, out)
	}
	return nil
}

// nextOffer takes notices up to the next offer, which is open.
func nextOffer(t testing.TB, notices <-chan watch.Notice) *watch.Offer {
	t.Helper()
	for {
		select {
		case n := <-notices:
			if o, ok := n.(*watch.Offer); ok {
				return o
			}
		case <-time.After(deadline):
			t.Fatal("nothing offered")
		}
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// asOrdinaryUser runs the calling test again in a process of an ordinary user, where
// this one is root, and reports whether it did.
func asOrdinaryUser(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		return false
	}
	home, err := os.MkdirTemp("", "ordinary")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(home)
	if err := os.Chown(home, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "TMPDIR="+home, "HOME="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Fatalf("as an ordinary user: %v\n%s", err, out)
	}
	return true
}
