package seccomp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/sandbox/seccomp"
)

// nobody is the ordinary user that root's tests are made as, too.
const nobody = 65534

// scene prepares a child that plays a scenario under a policy, as each user that there is.
func scene(t *testing.T, scenario string, p seccomp.Policy, run func(t *testing.T, cmd *exec.Cmd)) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"", "1"} {
		if other != "" && os.Getuid() != 0 {
			continue
		}
		name := strconv.Itoa(os.Getuid())
		if other != "" {
			name = strconv.Itoa(nobody)
		}
		t.Run("as "+name, func(t *testing.T) {
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), "SECCOMP_SCENARIO="+scenario, "SECCOMP_POLICY="+string(raw), "SECCOMP_NOBODY="+other)
			cmd.Stderr = os.Stderr
			run(t, cmd)
		})
	}
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func TestTheKernelHasWhatThisMachineSays(t *testing.T) {
	filter, notify := seccomp.Available()
	if !filter || !notify {
		t.Errorf("filter %v, notify %v: these tests need both", filter, notify)
	}
}

func TestTheKernelAnswersAsTheFilterSays(t *testing.T) {
	for _, p := range []seccomp.Policy{strict, {ExecFD: execFD, NoTruncate: true}, {ExecFD: execFD, PID: ownPID}} {
		scene(t, "attempt", p, func(t *testing.T, cmd *exec.Cmd) {
			seen := map[string]syscall.Errno{}
			if err := json.Unmarshal([]byte(output(t, cmd)), &seen); err != nil {
				t.Fatal(err)
			}
			for _, c := range calls {
				if seen[c.name] != c.want {
					t.Errorf("%s: %v, want %v", c.name, seen[c.name], c.want)
				}
			}
		})
	}
}

func TestAnHonestProgramWorksUnderTheStrictestFilter(t *testing.T) {
	scene(t, "work", seccomp.Policy{ExecFD: execFD, NoTruncate: true, PID: ownPID}, func(t *testing.T, cmd *exec.Cmd) {
		dir, err := os.MkdirTemp("", "work")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(cmd.Env, "SECCOMP_DIR="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		}()
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			for {
				conn, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, "socket"))
				if err == nil || ctx.Err() != nil {
					return conn, err
				}
				time.Sleep(time.Millisecond)
			}
		}}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport, Timeout: time.Minute}
		for _, path := range []string{"work", "work", "work", "stop"} {
			answer, err := client.Get("http://module/" + path)
			if err != nil {
				_ = cmd.Process.Kill()
				t.Error(err)
				return
			}
			body, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				t.Errorf("%s: %s\n%s", path, answer.Status, body)
			}
		}
	})
}

func TestAProcessSignalsItselfAndNobodyElse(t *testing.T) {
	scene(t, "signal", seccomp.Policy{ExecFD: execFD, PID: ownPID}, func(t *testing.T, cmd *exec.Cmd) {
		if out := output(t, cmd); out != "done\n" {
			t.Errorf("it printed %q", out)
		}
	})
}

func TestOnlyTheOneDescriptorCanBeExecuted(t *testing.T) {
	scene(t, "execute", seccomp.Policy{ExecFD: 200}, func(t *testing.T, cmd *exec.Cmd) {
		if out := output(t, cmd); out != "done\n" {
			t.Errorf("it printed %q", out)
		}
	})
}

func TestAProgramThatMaySpawnSpawnsInItsSession(t *testing.T) {
	scene(t, "spawn", spawning, func(t *testing.T, cmd *exec.Cmd) {
		if out := output(t, cmd); out != "done\n" {
			t.Errorf("it printed %q", out)
		}
	})
}

func TestTheListenerIsToldOfWhatTellsOfIntentAndOfNothingElse(t *testing.T) {
	scene(t, "listen", watched, func(t *testing.T, cmd *exec.Cmd) {
		told := strings.Fields(output(t, cmd))
		want := []string{"ptrace", "mount", "execve", "socket", "connect", "end"}
		if strings.Join(told, " ") != strings.Join(want, " ") {
			t.Errorf("told of %q, want %q", told, want)
		}
	})
}

// notification and response are the kernel's seccomp_notif and seccomp_notif_resp.
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

type response struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

// listen answers what it is told of with an error that no call gives, from a thread that
// is not under the filter, while this one makes calls.
func listen() error {
	listener, err := confine(unix.SECCOMP_FILTER_FLAG_NEW_LISTENER)
	if err != nil {
		return err
	}
	names := make(chan string, 1)
	go tell(listener, names)
	for _, nr := range []uintptr{
		unix.SYS_PTRACE, unix.SYS_MOUNT, unix.SYS_FCHMODAT, unix.SYS_SETPRIORITY, unix.SYS_EXECVE, unix.SYS_CLONE3,
		unix.SYS_SOCKET, unix.SYS_CONNECT,
	} {
		_, _, errno := unix.Syscall6(nr, inet, stream, 0, 0, 0, 0)
		select {
		case name := <-names:
			fmt.Println(name)
			if errno != unix.EDOM {
				return fmt.Errorf("the listener's answer to %s is not what came of it: %w", name, errno)
			}
		default:
		}
	}
	fmt.Println("end")
	return nil
}

// tell says what it is told of before it answers.
func tell(listener int, names chan<- string) {
	for {
		var seen notification
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV,
			uintptr(unsafe.Pointer(&seen)))
		if errno != 0 {
			return
		}
		names <- seccomp.Name(int(seen.nr))
		said := response{id: seen.id, errno: -int32(unix.EDOM)}
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND,
			uintptr(unsafe.Pointer(&said)))
	}
}
