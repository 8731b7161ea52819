package launch_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/launch"
)

func root() bool { return os.Geteuid() == 0 }

// program is a filter in the bytes that the kernel reads.
func program(instructions ...unix.SockFilter) []byte {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.NativeEndian, instructions); err != nil {
		panic(err)
	}
	return b.Bytes()
}

const (
	loadNumber = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	ifEqual    = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	answer     = unix.BPF_RET | unix.BPF_K
	number     = 0  // of the call, in struct seccomp_data
	argument   = 16 // its first one, the lower half
)

// answers is a filter that lets all calls pass but one.
func answers(call, with uint32) []byte {
	return program(
		unix.SockFilter{Code: loadNumber, K: number},
		unix.SockFilter{Code: ifEqual, K: call, Jf: 1},
		unix.SockFilter{Code: answer, K: with},
		unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW},
	)
}

// executesOnly is a filter that lets only execveat pass, and only for descriptor fd.
func executesOnly(fd uint32) []byte {
	return program(
		unix.SockFilter{Code: loadNumber, K: number},
		unix.SockFilter{Code: ifEqual, K: unix.SYS_EXECVE, Jt: 4},
		unix.SockFilter{Code: ifEqual, K: unix.SYS_EXECVEAT, Jf: 2},
		unix.SockFilter{Code: loadNumber, K: argument},
		unix.SockFilter{Code: ifEqual, K: fd, Jf: 1},
		unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EACCES)},
	)
}

// ruleset is one of Landlock under which no file can be read but those below the
// readable folders.
func ruleset(t testing.TB, readable ...string) *os.File {
	t.Helper()
	attr := unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_READ_FILE}
	fd, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), 8, 0)
	if e != 0 {
		t.Fatalf("this test needs Landlock: %v", e)
	}
	rules := os.NewFile(fd, "ruleset")
	t.Cleanup(func() { rules.Close() })
	for _, path := range readable {
		rule := unix.LandlockPathBeneathAttr{
			Allowed_access: unix.LANDLOCK_ACCESS_FS_READ_FILE, Parent_fd: int32(open(t, path).Fd()),
		}
		_, _, e := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, fd, unix.LANDLOCK_RULE_PATH_BENEATH,
			uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
		if e != 0 {
			t.Fatal(e)
		}
	}
	return rules
}

func TestWhatIsNotNamedIsNotPutOn(t *testing.T) {
	f := report(t, launch.Spec{}, nil)
	if f.Status["Seccomp"] != "0" || f.Status["NoNewPrivs"] != "1" {
		t.Errorf("seccomp %s, no_new_privs %s", f.Status["Seccomp"], f.Status["NoNewPrivs"])
	}
	for space, mine := range namespaces(t) {
		if f.Namespaces[space] != mine {
			t.Errorf("%s namespace is %s, mine %s", space, f.Namespaces[space], mine)
		}
	}
}

func TestTheProcessRunsOnItsProcessorsOnly(t *testing.T) {
	last := runtime.NumCPU() - 1
	f := report(t, launch.Spec{Confine: launch.Confinement{Processors: []int{last}}}, nil)
	if got := f.Status["Cpus_allowed_list"]; got != strconv.Itoa(last) {
		t.Errorf("it may run on %s, not on %d alone", got, last)
	}
}

func TestTheProcessorTimeOfAWholeLifeIsLimitedWhereThatIsAskedFor(t *testing.T) {
	f := report(t, launch.Spec{Confine: launch.Confinement{CPUSeconds: 77}}, nil)
	if got := f.Limits["Max cpu time"]; got != "77 77" {
		t.Errorf("processor time is limited to %q", got)
	}
}

func TestARulesetHoldsFromTheFirstInstruction(t *testing.T) {
	dir := t.TempDir()
	allowed, denied := filepath.Join(dir, "allowed"), filepath.Join(dir, "denied")
	for _, sub := range []string{allowed, denied} {
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sub, "f"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	yes, no := "read="+filepath.Join(allowed, "f"), "read="+filepath.Join(denied, "f")
	f := report(t, launch.Spec{
		Args:    []string{"probe", yes, no},
		Confine: launch.Confinement{Ruleset: ruleset(t, filepath.Dir(probe), allowed, "/proc")},
	}, nil)
	if f.Tried[yes] != "done" || !strings.Contains(f.Tried[no], "permission denied") {
		t.Errorf("tried %v", f.Tried)
	}
}

func TestAFilterHoldsFromTheFirstInstruction(t *testing.T) {
	f := report(t, launch.Spec{
		Args:    []string{"probe", "priority"},
		Confine: launch.Confinement{Filter: answers(unix.SYS_GETPRIORITY, unix.SECCOMP_RET_ERRNO|uint32(unix.EDOM))},
	}, nil)
	if f.Status["Seccomp"] != "2" || f.Status["Seccomp_filters"] != "1" {
		t.Errorf("seccomp %s, filters %s", f.Status["Seccomp"], f.Status["Seccomp_filters"])
	}
	if got := f.Tried["priority"]; got != unix.EDOM.Error() {
		t.Errorf("getpriority: %s", got)
	}
}

func TestAFilterKnowsThePIDOfItsProcess(t *testing.T) {
	own := program(
		unix.SockFilter{Code: loadNumber, K: number},
		unix.SockFilter{Code: ifEqual, K: unix.SYS_KILL, Jf: 3},
		unix.SockFilter{Code: loadNumber, K: argument},
		unix.SockFilter{Code: ifEqual, K: launch.SelfPID, Jt: 1},
		unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EDOM)},
		unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW},
	)
	f := report(t, launch.Spec{
		Args: []string{"probe", "signal=self", "signal=parent"}, Confine: launch.Confinement{Filter: own},
	}, nil)
	if f.Tried["signal=self"] != "done" || f.Tried["signal=parent"] != unix.EDOM.Error() {
		t.Errorf("tried %v", f.Tried)
	}
}

func TestAFilterOfTheGreatestLengthReachesTheLauncher(t *testing.T) {
	long := slices.Repeat([]unix.SockFilter{{Code: loadNumber, K: number}}, 4095)
	long = append(long, unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW})
	f := report(t, launch.Spec{Confine: launch.Confinement{Filter: program(long...)}}, nil)
	if f.Status["Seccomp_filters"] != "1" {
		t.Errorf("filters %s", f.Status["Seccomp_filters"])
	}
}

func TestTheExecutableCannotBeExecutedAgain(t *testing.T) {
	const fd = 256
	again := "replace=/proc/self/fd/" + strconv.Itoa(fd)
	f := report(t, launch.Spec{
		Args:    []string{"probe", "execute=/bin/true", "replace=/bin/true", again},
		Limits:  launch.Limits{NoFile: fd},
		Confine: launch.Confinement{ExecFD: fd, Filter: executesOnly(fd)},
	}, nil)
	if target, open := f.FDs[fd]; open {
		t.Errorf("descriptor %d is %s", fd, target)
	}
	for what, got := range f.Tried {
		if !strings.Contains(got, "permission denied") {
			t.Errorf("%s: %s", what, got)
		}
	}
	// The filter that it was started under is that strict.
	code, _, stderr := run(t, launch.Spec{
		Limits: launch.Limits{NoFile: fd}, Confine: launch.Confinement{ExecFD: fd + 1, Filter: executesOnly(fd)},
	}, nil)
	if want := launch.FailurePrefix + "execute the module: permission denied\n"; code != launch.FailureCode || stderr != want {
		t.Errorf("exit code %d, said %q", code, stderr)
	}
}

func TestTheExecutableCanHaveTheHighestNumberOfAll(t *testing.T) {
	spec := launch.Spec{Limits: launch.Limits{NoFile: 299}, Confine: launch.Confinement{ExecFD: 299}}
	report(t, spec, under(t, "ulimit -Sn 200 && ulimit -Hn 300"))
	spec.Limits.NoFile, spec.Confine.ExecFD = 300, 300
	code, _, stderr := run(t, spec, under(t, "ulimit -Sn 200 && ulimit -Hn 300"))
	want := launch.FailurePrefix + "move the executable to descriptor 300: bad file descriptor\n"
	if code != launch.FailureCode || stderr != want {
		t.Errorf("exit code %d, said %q", code, stderr)
	}
}

// link is the host's end of a link and the one for the process.
func link(t testing.TB) (host, process *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	host, process = os.NewFile(uintptr(fds[0]), "host"), os.NewFile(uintptr(fds[1]), "process")
	t.Cleanup(func() { host.Close(); process.Close() })
	return host, process
}

// notification and reply are the kernel's seccomp_notif and seccomp_notif_resp.
type notification struct {
	ID         uint64
	PID, Flags uint32
	Call       int32
	Arch       uint32
	Pointer    uint64
	Arguments  [6]uint64
}

type reply struct {
	ID    uint64
	Value int64
	Error int32
	Flags uint32
}

// patiently does it again when a signal of the Go runtime's has interrupted it.
func patiently(do func() error) error {
	for {
		if err := do(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// listener is what comes with the first message over host, within half a minute.
func listener(host *os.File) (*os.File, error) {
	if err := readable(host); err != nil {
		return nil, err
	}
	payload, control := make([]byte, 8), make([]byte, unix.CmsgSpace(4))
	n, nc, _, _, err := unix.Recvmsg(int(host.Fd()), payload, control, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if err != nil || n != 1 || payload[0] != launch.NotifyByte {
		return nil, fmt.Errorf("first message %q: %w", payload[:max(n, 0)], err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:nc])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("%d control messages: %w", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("descriptors %v: %w", fds, err)
	}
	return os.NewFile(uintptr(fds[0]), "listener"), nil
}

func readable(f *os.File) error {
	poll := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	if err := patiently(func() error { _, err := unix.Poll(poll, 30_000); return err }); err != nil {
		return err
	}
	if poll[0].Revents&unix.POLLIN == 0 {
		return fmt.Errorf("%s: nothing came, events %x", f.Name(), poll[0].Revents)
	}
	return nil
}

func ioctl[T any](f *os.File, request uintptr, with *T) error {
	return patiently(func() error {
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(with))); e != 0 {
			return e
		}
		return nil
	})
}

// answerOne is a host that answers the first call that it is told of, with an error.
func answerOne(host *os.File, with unix.Errno) (call int32, err error) {
	calls, err := listener(host)
	if err != nil {
		return 0, err
	}
	defer calls.Close()
	if err := readable(calls); err != nil {
		return 0, err
	}
	var seen notification
	if err := ioctl(calls, unix.SECCOMP_IOCTL_NOTIF_RECV, &seen); err != nil {
		return 0, err
	}
	return seen.Call, ioctl(calls, unix.SECCOMP_IOCTL_NOTIF_SEND, &reply{ID: seen.ID, Error: -int32(with)})
}

func TestALinuxWithoutKillableWaitsHasAListenerToo(t *testing.T) {
	const flags = 24 // the lower half of the second argument
	older := program(
		unix.SockFilter{Code: loadNumber, K: number},
		unix.SockFilter{Code: ifEqual, K: unix.SYS_SECCOMP, Jf: 3},
		unix.SockFilter{Code: loadNumber, K: flags},
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, Jf: 1},
		unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EINVAL)},
		unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW},
	)
	host, process := link(t)
	f := report(t, launch.Spec{
		Files: []*os.File{process},
		Confine: launch.Confinement{
			Filter: answers(unix.SYS_GETPRIORITY, unix.SECCOMP_RET_USER_NOTIF), Notify: true, NotifyFD: 3,
		},
	}, filtered(t, older))
	if f.Status["Seccomp_filters"] != "2" {
		t.Errorf("filters %s", f.Status["Seccomp_filters"])
	}
	calls, err := listener(host)
	if err != nil {
		t.Fatal(err)
	}
	calls.Close()
}

func TestALinuxThatLacksALayerIsNamed(t *testing.T) {
	for want, c := range map[string]struct {
		call    uint32
		confine launch.Confinement
	}{
		"restrict by landlock: function not implemented": {unix.SYS_LANDLOCK_RESTRICT_SELF, launch.Confinement{Ruleset: ruleset(t)}},
		"restrict by seccomp: function not implemented":  {unix.SYS_SECCOMP, launch.Confinement{Filter: answers(0, 0)}},
		"close descriptors: function not implemented":    {unix.SYS_CLOSE_RANGE, launch.Confinement{}},
	} {
		t.Run(want, func(t *testing.T) {
			lacking := answers(c.call, unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS))
			code, _, stderr := run(t, launch.Spec{Confine: c.confine}, filtered(t, lacking))
			if code != launch.FailureCode || stderr != launch.FailurePrefix+want+"\n" {
				t.Errorf("exit code %d, said %q", code, stderr)
			}
		})
	}
}

// filtered lets the probe put a filter on before it becomes the launcher, which then
// finds a kernel that can do less.
func filtered(t *testing.T, filter []byte) func(*exec.Cmd) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func(cmd *exec.Cmd) {
		cmd.Path, cmd.Args = probe, append([]string{"probe", "filtered", hex.EncodeToString(filter), exe}, cmd.Args...)
	}
}

func TestTheListenerOfAFilterReachesTheHostAndNotTheProcess(t *testing.T) {
	host, process := link(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if call, err := answerOne(host, unix.EDOM); err != nil || call != unix.SYS_GETPRIORITY {
			t.Errorf("heard of call %d, %v", call, err)
		}
	}()
	f := report(t, launch.Spec{
		Args:  []string{"probe", "priority"},
		Files: []*os.File{open(t, os.DevNull), process},
		Confine: launch.Confinement{
			Filter: answers(unix.SYS_GETPRIORITY, unix.SECCOMP_RET_USER_NOTIF), Notify: true, NotifyFD: 4,
		},
	}, nil)
	<-done
	if got := f.Tried["priority"]; got != unix.EDOM.Error() {
		t.Errorf("getpriority: %s", got)
	}
	for fd, target := range f.FDs {
		if strings.Contains(target, "seccomp") {
			t.Errorf("descriptor %d is %s", fd, target)
		}
	}
}
