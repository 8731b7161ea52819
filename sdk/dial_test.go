package sdk_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/sdk"
	"github.com/segue-run/segue/sdk/wire"
)

// dialer is the role of a process that asks for connections.
const dialer = "dialer"

// outcome is what came of something that a dialer was told to do.
type outcome struct {
	Result, Error              string
	Errno                      int
	Op, Denied, Timeout, Ended bool // what kind of error it is
}

// dials does what the lines on standard input say, and prints an outcome for each.
func dials() {
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		result, err := tasks[words[0]](words[1:])
		var o outcome
		if o.Result = result; err != nil {
			o.Error = err.Error()
			_, o.Op = errors.AsType[*net.OpError](err)
			errno, _ := errors.AsType[syscall.Errno](err)
			timeout, _ := errors.AsType[net.Error](err)
			o.Errno, o.Denied, o.Timeout = int(errno), errors.Is(err, fs.ErrPermission), timeout != nil && timeout.Timeout()
			o.Ended = errors.Is(err, context.DeadlineExceeded)
		}
		if err := out.Encode(o); err != nil {
			panic(err)
		}
	}
}

var tasks = map[string]func(words []string) (string, error){
	"dial": func(w []string) (string, error) {
		conn, err := sdk.Dial(context.Background(), w[0], w[1])
		if err != nil {
			return "", err
		}
		defer conn.Close()
		text, err := io.ReadAll(conn)
		return string(text), err
	},
	"dial-for": func(w []string) (string, error) {
		timeout, _ := time.ParseDuration(w[0])
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		_, err := sdk.Dial(ctx, "tcp", w[1])
		return "", err
	},
	"dial-ended": func(w []string) (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), -time.Second)
		defer cancel()
		_, err := sdk.Dial(ctx, "tcp", w[0])
		return "", err
	},
	"dial-many": func(w []string) (string, error) {
		n, _ := strconv.Atoi(w[0])
		texts := make([]string, n)
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				conn, err := sdk.Dial(context.Background(), "tcp", fmt.Sprint("host:", i+1))
				if err != nil {
					texts[i] = err.Error()
					return
				}
				defer conn.Close()
				text, _ := io.ReadAll(conn)
				texts[i] = string(text)
			})
		}
		all.Wait()
		return strings.Join(texts, " "), nil
	},
	"listen": func(w []string) (string, error) {
		l, err := sdk.Listen(context.Background(), "tcp", w[0])
		if err != nil {
			return "", err
		}
		defer l.Close()
		conn, err := l.Accept()
		if err != nil {
			return "", err
		}
		_, err = io.WriteString(conn, "from the module")
		return l.Addr().String(), errors.Join(err, conn.Close())
	},
	"get": func(w []string) (string, error) {
		transport := sdk.Transport()
		defer transport.CloseIdleConnections()
		res, err := (&http.Client{Transport: transport}).Get(w[0])
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return string(text), err
	},
	"env":  func(w []string) (string, error) { return os.Getenv(w[0]), nil },
	"data": func([]string) (string, error) { return sdk.DataDir(), nil },
	// leaks tells of goroutines, and of sockets that children would have.
	"leaks": func([]string) (string, error) {
		for fd := 3; fd < 1000; fd++ {
			flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
			name, _ := os.Readlink(fmt.Sprint("/proc/self/fd/", fd))
			if err == nil && flags&unix.FD_CLOEXEC == 0 && strings.HasPrefix(name, "socket:") {
				return fmt.Sprint("descriptor ", fd), nil
			}
		}
		return "", goleak.Find()
	},
	"descriptors": func([]string) (string, error) {
		entries, err := os.ReadDir("/proc/self/fd")
		return strconv.Itoa(len(entries)), err
	},
}

// fakeHost is the other end of a dialer's link.
type fakeHost struct {
	t     *testing.T
	link  *net.UnixConn
	stdin io.Writer
	out   *json.Decoder
}

// startDialer starts a dialer with a link, or with whatever env says instead.
func startDialer(t *testing.T, env ...string) *fakeHost {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "link"), os.NewFile(uintptr(fds[1]), "link")
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		t.Fatal(err)
	}
	if len(env) == 0 {
		env = []string{wire.EnvLink + "=" + strconv.Itoa(wire.LinkFD), wire.EnvData + "=/data/sample"}
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(env, roleEnv+"="+dialer, "GORACE=atexit_sleep_ms=0")
	cmd.ExtraFiles = []*os.File{null, null, theirs}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the dialer ended: %v\n%s", err, errs.String())
		}
	})
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &fakeHost{t: t, link: conn.(*net.UnixConn), stdin: stdin, out: json.NewDecoder(stdout)}
}

// tell tells the dialer what to do.
func (h *fakeHost) tell(task string) {
	h.t.Helper()
	if _, err := io.WriteString(h.stdin, task+"\n"); err != nil {
		h.t.Fatal(err)
	}
}

func (h *fakeHost) outcome() outcome {
	h.t.Helper()
	var o outcome
	if err := h.out.Decode(&o); err != nil {
		h.t.Fatal(err)
	}
	return o
}

// do tells the dialer something for which it needs no host.
func (h *fakeHost) do(task string) outcome {
	h.t.Helper()
	h.tell(task)
	return h.outcome()
}

// request is the next one that comes over the link.
func (h *fakeHost) request() wire.LinkRequest {
	h.t.Helper()
	text := make([]byte, wire.MaxLinkMessage)
	n, err := h.link.Read(text)
	if err != nil {
		h.t.Fatal(err)
	}
	var req wire.LinkRequest
	if err := json.Unmarshal(text[:n], &req); err != nil {
		h.t.Fatal(err)
	}
	return req
}

// answer sends an answer, with a file where there is one.
func (h *fakeHost) answer(a wire.LinkAnswer, file *os.File) {
	h.t.Helper()
	text, err := json.Marshal(a)
	if err != nil {
		h.t.Fatal(err)
	}
	var control []byte
	if file != nil {
		defer file.Close()
		control = unix.UnixRights(int(file.Fd()))
	}
	if _, _, err := h.link.WriteMsgUnix(text, control, nil); err != nil {
		h.t.Fatal(err)
	}
}

// saying is one end of a connection whose other end has said text and closed.
func saying(t *testing.T, text string) *os.File {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	if _, err := io.WriteString(far, text); err != nil {
		t.Fatal(err)
	}
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestDialAsksTheHost(t *testing.T) {
	h := startDialer(t)
	h.tell("dial tcp4 api.example.com:https")
	req := h.request()
	want := wire.LinkRequest{ID: req.ID, Do: wire.LinkDial, Network: "tcp4", Address: "api.example.com:443"}
	if req != want {
		t.Errorf("asked for %+v, want %+v", req, want)
	}
	h.answer(wire.LinkAnswer{ID: req.ID}, saying(t, "good day"))
	if o := h.outcome(); o.Result != "good day" {
		t.Error(o)
	}
	if o := h.do("leaks"); o != (outcome{}) {
		t.Error(o)
	}
	if o := h.do("env " + wire.EnvLink); o.Result != "" {
		t.Error("the environment still tells of the link:", o)
	}
	if o := h.do("data"); o.Result != "/data/sample" {
		t.Error(o)
	}
}

func TestAnswersComeInAnyOrder(t *testing.T) {
	h := startDialer(t)
	const n = 20
	h.tell(fmt.Sprint("dial-many ", n))
	var asked []wire.LinkRequest
	for range n {
		asked = append(asked, h.request())
	}
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint("host:", i+1))
		req := asked[n-1-i]
		h.answer(wire.LinkAnswer{ID: req.ID}, saying(t, req.Address))
	}
	if o := h.outcome(); o.Result != strings.Join(want, " ") {
		t.Error(o)
	}
}

func TestListenAsksTheHost(t *testing.T) {
	h := startDialer(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	h.tell("listen 127.0.0.1:9000")
	req := h.request()
	if req.Do != wire.LinkListen || req.Address != "127.0.0.1:9000" {
		t.Error(req)
	}
	h.answer(wire.LinkAnswer{ID: req.ID}, file)
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if text, _ := io.ReadAll(conn); string(text) != "from the module" {
		t.Error(string(text))
	}
	if o := h.outcome(); o.Result != l.Addr().String() {
		t.Error(o)
	}
}

func TestTransportConnectsThroughTheHost(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "for "+r.Host) }))
	defer web.Close()
	conn, err := net.Dial("tcp", web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	h := startDialer(t)
	h.tell("get http://api.example.com/")
	req := h.request()
	if req.Address != "api.example.com:80" {
		t.Error(req)
	}
	h.answer(wire.LinkAnswer{ID: req.ID}, file)
	if o := h.outcome(); o.Result != "for api.example.com" {
		t.Error(o)
	}
}

func TestWhatTheHostSaysIsTheError(t *testing.T) {
	h := startDialer(t)
	for _, c := range []struct {
		answer wire.LinkAnswer
		want   outcome
	}{
		{
			wire.LinkAnswer{Denied: true, Error: "connect a:1 is not granted to hello"},
			outcome{Error: "dial tcp a:1: connect a:1 is not granted to hello", Op: true, Denied: true},
		},
		{
			wire.LinkAnswer{Error: "refused", Errno: uint32(unix.ECONNREFUSED)},
			outcome{Error: "dial tcp a:1: refused", Op: true, Errno: int(unix.ECONNREFUSED)},
		},
		{
			wire.LinkAnswer{Error: "too late", Errno: uint32(unix.ETIMEDOUT)},
			outcome{Error: "dial tcp a:1: too late", Op: true, Errno: int(unix.ETIMEDOUT), Timeout: true},
		},
		{
			wire.LinkAnswer{},
			outcome{Error: "dial tcp a:1: the runtime's answer came without a socket; this process may have too many open files", Op: true},
		},
	} {
		h.tell("dial tcp a:1")
		c.answer.ID = h.request().ID
		h.answer(c.answer, nil)
		if o := h.outcome(); o != c.want {
			t.Errorf("%+v, want %+v", o, c.want)
		}
	}
}

func TestARequestEndsWithItsContext(t *testing.T) {
	h := startDialer(t)
	h.tell("dial-for 50ms a:1")
	req := h.request()
	if req.TimeoutMS < 1 || req.TimeoutMS > 50 {
		t.Error(req)
	}
	if o := h.outcome(); !o.Op || !o.Ended || !o.Timeout {
		t.Error(o)
	}
	if cancel := h.request(); cancel.Do != wire.LinkCancel || cancel.ID != req.ID {
		t.Error(cancel)
	}
	if o := h.do("leaks"); o != (outcome{}) {
		t.Error(o)
	}
	before := h.do("descriptors")
	h.answer(wire.LinkAnswer{ID: req.ID}, saying(t, "too late"))
	h.tell("dial tcp b:2")
	h.answer(wire.LinkAnswer{ID: h.request().ID}, saying(t, "in time"))
	if o := h.outcome(); o.Result != "in time" {
		t.Error(o)
	}
	if after := h.do("descriptors"); after != before {
		t.Errorf("%s descriptors are open, before there were %s", after.Result, before.Result)
	}
	if o := h.do("dial-ended a:1"); !o.Ended {
		t.Error(o)
	}
}

func TestALinkThatBreaksIsSaidSo(t *testing.T) {
	h := startDialer(t)
	h.tell("dial-many 3")
	for range 3 {
		h.request()
	}
	_ = h.link.Close()
	if o := h.outcome(); strings.Count(o.Result, "the link to the runtime is gone") != 3 {
		t.Error(o)
	}
	if o := h.do("dial tcp a:1"); !o.Op || !strings.Contains(o.Error, "the link to the runtime is gone") {
		t.Error(o)
	}
	if o := h.do("leaks"); o != (outcome{}) {
		t.Error(o)
	}
}

func TestWithoutALinkNothingIsDialled(t *testing.T) {
	for env, want := range map[string]string{
		"X=":                   "no link to a runtime",
		wire.EnvLink + "=five": "no descriptor",
		wire.EnvLink + "=1":    "no descriptor",
		wire.EnvLink + "=3":    "no link to a runtime",
		wire.EnvLink + "=99":   "no link to a runtime",
	} {
		h := startDialer(t, env)
		if o := h.do("dial tcp 127.0.0.1:1"); !o.Op || !strings.Contains(o.Error, want) {
			t.Errorf("%s: %+v", env, o)
		}
		if o := h.do("data"); o.Result != "" {
			t.Error(o)
		}
	}
}

func TestWhatNobodyCanAskForIsRefusedAtOnce(t *testing.T) {
	h := startDialer(t)
	for _, task := range []string{"dial udp a:53", "dial unix /run/x", "dial tcp a", "dial tcp a:no-such-service", "dial tcp " + strings.Repeat("a", wire.MaxLinkMessage) + ":1"} {
		if o := h.do(task); !o.Op {
			t.Errorf("%.40s: %+v", task, o)
		}
	}
}
