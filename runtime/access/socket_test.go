package access_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/access"
	"github.com/segue-run/segue/runtime/module"
)

// serve answers each request with its actor until the test ends.
func serve(t *testing.T, l net.Listener) {
	t.Helper()
	srv := &http.Server{
		ConnContext: access.ConnContext,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a, ok := access.ActorFrom(r.Context())
			if !ok {
				io.WriteString(w, "nobody")
				return
			}
			io.WriteString(w, a.String())
		}),
	}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(l) }()
	t.Cleanup(func() { srv.Close(); <-done })
}

// ask makes a request over the socket and gives the status and the answer.
func ask(t *testing.T, dial func(context.Context) (net.Conn, error)) (int, string) {
	t.Helper()
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Get("http://segue/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func dialer(path string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return access.Dial(ctx, path) }
}

func listen(t *testing.T, path string) net.Listener {
	t.Helper()
	l, err := access.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestARequestOverTheSocketHasTheKernelsWordForItsActor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "admin.sock")
	serve(t, listen(t, path))
	status, actor := ask(t, dialer(path))
	if status != http.StatusOK || !strings.HasPrefix(actor, "user:") {
		t.Errorf("got %d %q", status, actor)
	}
}

func TestARequestByAnotherWayHasNoActor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l)
	_, actor := ask(t, func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	})
	if actor != "nobody" {
		t.Errorf("a request over TCP is %s's", actor)
	}
}

func TestTheSocketAndItsDirectoryAreTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "admin.sock")
	l := listen(t, path)
	for p, want := range map[string]os.FileMode{dir: 0o700, path: 0o600} {
		st, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", p, st.Mode().Perm(), want)
		}
	}
	if got := l.Addr().String(); got != path {
		t.Errorf("its address is %s, want %s", got, path)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there after close: %v", err)
	}
}

func TestAPathTooLongForAnAddressWorks(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("long-", 30), "admin.sock")
	serve(t, listen(t, path))
	if status, actor := ask(t, dialer(path)); status != http.StatusOK || actor == "nobody" {
		t.Errorf("got %d %q", status, actor)
	}
}

func TestTheSocketOfADeadRuntimeIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	serve(t, listen(t, path))
	if _, actor := ask(t, dialer(path)); actor == "nobody" {
		t.Error("the new socket does not know its callers")
	}
}

func TestTheSocketOfALiveRuntimeIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	serve(t, listen(t, path))
	if _, err := access.Listen(path); module.KindOf(err) != module.Conflict || !strings.Contains(err.Error(), path) {
		t.Errorf("second listen: %v, want a conflict that names %s", err, path)
	}
	if _, actor := ask(t, dialer(path)); actor == "nobody" {
		t.Error("the first runtime's socket is gone")
	}
}

func TestClosingLeavesTheSocketOfASuccessorAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	l := listen(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	next := listen(t, path)
	l.Close()
	serve(t, next)
	if _, actor := ask(t, dialer(path)); actor == "nobody" {
		t.Error("the successor's socket is gone")
	}
}

func TestSomethingElseInTheSocketsPlaceIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := access.Listen(path); module.KindOf(err) != module.Invalid {
		t.Errorf("got %v, want Invalid", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "precious" {
		t.Errorf("the file is now %q, %v", data, err)
	}
}

func TestDialingWhereNoRuntimeIsSaysSo(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: dead})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	for _, path := range []string{dead, filepath.Join(dir, "none.sock"), filepath.Join(dir, "none", "admin.sock")} {
		_, err := access.Dial(t.Context(), path)
		if module.KindOf(err) != module.Unavailable || !strings.Contains(err.Error(), path) {
			t.Errorf("dial %s: %v", path, err)
		}
	}
}

// hungUp reports whether the other end closed the connection without a word.
func hungUp(t *testing.T, c net.Conn) bool {
	t.Helper()
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	n, err := c.Read(make([]byte, 1))
	return n == 0 && err != nil && !os.IsTimeout(err)
}

func TestAStrangerIsHungUpOnUnheard(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	l, err := access.ListenFor(path, func(uint32) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l)
	c, err := access.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if !hungUp(t, c) {
		t.Error("a stranger was answered")
	}
}

// Only root can become another user, so the real one is met only when the tests run as
// root; everybody else meets the stranger above.
func TestAnotherUserIsRefusedEvenIfModesLetHimIn(t *testing.T) {
	const nobody = 65534
	dir := t.TempDir()
	path := filepath.Join(dir, "admin.sock")
	serve(t, listen(t, path))
	if os.Geteuid() != 0 {
		if status, _ := ask(t, dialer(path)); status != http.StatusOK {
			t.Errorf("the runtime's own user is refused with %d", status)
		}
		return
	}
	for p, mode := range map[string]os.FileMode{dir: 0o755, path: 0o666} {
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
	}
	parent, err := os.Open(dir) // t.TempDir's parents are closed to others
	if err != nil {
		t.Fatal(err)
	}
	defer parent.Close()
	type result struct {
		c   net.Conn
		err error
	}
	out := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), nobody, ^uintptr(0)); errno != 0 {
			out <- result{nil, errno}
			return
		}
		c, err := net.Dial("unix", filepath.Join("/proc/self/fd", itoa(parent.Fd()), "admin.sock"))
		out <- result{c, err}
	}()
	r := <-out
	if r.err != nil {
		t.Fatal(r.err)
	}
	if !hungUp(t, r.c) {
		t.Error("another user was answered")
	}
	if status, _ := ask(t, dialer(path)); status != http.StatusOK {
		t.Errorf("after him the runtime's own user gets %d", status)
	}
}
