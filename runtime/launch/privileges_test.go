package launch_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/segue-run/segue/runtime/launch"
)

// someone is a user id that nobody has.
const someone = 712345

// shared makes the built probe reachable for other users.
func shared(t testing.TB) {
	t.Helper()
	if err := os.Chmod(filepath.Dir(probe), 0o755); err != nil {
		t.Fatal(err)
	}
}

// namespaces are those of this process.
func namespaces(t *testing.T) map[string]string {
	t.Helper()
	mine := map[string]string{}
	for _, space := range []string{"user", "pid", "ipc", "net"} {
		target, err := os.Readlink("/proc/self/ns/" + space)
		if err != nil {
			t.Fatal(err)
		}
		mine[space] = target
	}
	return mine
}

// powerless checks that f has no capabilities; a bounding set is left only where
// nobody had the right to narrow it.
func powerless(t *testing.T, f found, bounded bool) {
	t.Helper()
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb", "CapBnd"} {
		if set == "CapBnd" && !bounded {
			continue
		}
		if got := strings.Trim(f.Status[set], "0"); got != "" {
			t.Errorf("%s is %s", set, f.Status[set])
		}
	}
}

func TestTheProcessHasNoCapabilitiesWhoeverItIs(t *testing.T) {
	f := report(t, launch.Spec{}, nil)
	powerless(t, f, root())
	// No root, no ambient capabilities, and both for good.
	if root() && f.SecureBits != 0b11000011 {
		t.Errorf("the secure bits are %b", f.SecureBits)
	}
	// Who makes a user namespace is mighty in it until the exec.
	spaces := launch.Namespaces{User: true, PID: true, IPC: true, Network: true}
	powerless(t, report(t, launch.Spec{Confine: launch.Confinement{Namespaces: spaces}}, nil), root())
}

// A root that may not narrow the bounding set, as in some containers, has its
// capabilities all the same until the launcher drops them, and none after the exec.
func TestARootOfFewRightsHandsNoneDown(t *testing.T) {
	if !root() {
		powerless(t, report(t, launch.Spec{}, nil), false)
		return
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Fatal("this test needs setpriv")
	}
	f := report(t, launch.Spec{}, func(cmd *exec.Cmd) {
		under(t, ":")(cmd)
		cmd.Args = append([]string{"setpriv", "--bounding-set=-setpcap", cmd.Path}, cmd.Args[1:]...)
		cmd.Path = setpriv
	})
	if strings.Trim(f.Status["CapBnd"], "0") == "" {
		t.Error("it could narrow the bounding set: this test shows nothing")
	}
	powerless(t, f, false)
}

func TestTheProcessHasNamespacesOfItsOwn(t *testing.T) {
	mine := namespaces(t)
	for name, c := range map[string]struct {
		spaces launch.Namespaces
		own    []string
	}{
		"user":    {launch.Namespaces{User: true}, []string{"user"}},
		"pid":     {launch.Namespaces{User: true, PID: true}, []string{"user", "pid"}},
		"ipc":     {launch.Namespaces{User: true, IPC: true}, []string{"user", "ipc"}},
		"network": {launch.Namespaces{User: true, Network: true}, []string{"user", "net"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := report(t, launch.Spec{
				Files: []*os.File{open(t, os.DevNull)}, ListenerName: "http",
				Confine: launch.Confinement{Namespaces: c.spaces},
			}, nil)
			for _, space := range c.own {
				if f.Namespaces[space] == "" || f.Namespaces[space] == mine[space] {
					t.Errorf("its %s namespace is mine, %s", space, mine[space])
				}
			}
			if uid := strings.Fields(f.Status["Uid"])[0]; uid != strconv.Itoa(os.Geteuid()) {
				t.Errorf("it sees itself as user %s", uid)
			}
			if c.spaces.PID && (f.PID != 1 || f.PPID != 0 || f.SID != 1) {
				t.Errorf("pid %d of parent %d in session %d", f.PID, f.PPID, f.SID)
			}
			if want := "LISTEN_PID=" + strconv.Itoa(f.PID); f.Env[0] != want {
				t.Errorf("the listener is for %s, want %s", f.Env[0], want)
			}
		})
	}
}

// grouped gives this process supplementary groups for a test, if it may.
func grouped(t *testing.T, groups ...int) {
	t.Helper()
	before, err := syscall.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setgroups(groups); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setgroups(before); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAUserOfItsOwnIsForRootToGive(t *testing.T) {
	shared(t)
	if root() {
		grouped(t, 0, 4, 27)
	}
	user := &launch.User{UID: someone, GID: someone + 1}
	for name, spaces := range map[string]launch.Namespaces{
		"alone":           {},
		"with namespaces": {User: true, PID: true, IPC: true, Network: true},
	} {
		t.Run(name, func(t *testing.T) {
			spec := launch.Spec{Confine: launch.Confinement{User: user, Namespaces: spaces}}
			if !root() {
				spec.Binary, spec.Args = open(t, probe), []string{"probe"}
				err := spawner(t).Start(launch.Command(spec))
				if err == nil || !strings.Contains(err.Error(), "as user 712345: ") {
					t.Errorf("an ordinary user gave another's id: %v", err)
				}
				return
			}
			f := report(t, spec, nil)
			for key, want := range map[string]string{
				"Uid":    strings.TrimSpace(strings.Repeat(fmt.Sprint(someone, "\t"), 4)),
				"Gid":    strings.TrimSpace(strings.Repeat(fmt.Sprint(someone+1, "\t"), 4)),
				"Groups": "",
			} {
				if f.Status[key] != want {
					t.Errorf("%s is %q, want %q", key, f.Status[key], want)
				}
			}
			powerless(t, f, false)
		})
	}
}

// In each of these the launcher's privileges change on the way, which is what takes a
// parent-death signal away.
func TestTheProcessDiesWithTheHostUnderWhateverHoldsItIn(t *testing.T) {
	shared(t)
	all := launch.Namespaces{User: true, PID: true, IPC: true, Network: true}
	cases := map[string]launch.Confinement{"bare": {}, "namespaces": {Namespaces: all}}
	if root() {
		user := &launch.User{UID: someone, GID: someone}
		cases["own user"] = launch.Confinement{User: user}
		cases["own user and namespaces"] = launch.Confinement{User: user, Namespaces: all}
		cases["pid namespace alone"] = launch.Confinement{Namespaces: launch.Namespaces{PID: true}}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			s := launch.NewSpawner()
			cmd := launch.Command(launch.Spec{
				Binary: open(t, probe), Args: []string{"probe", "wait"}, Stdout: w, Confine: c,
			})
			if err := s.Start(cmd); err != nil {
				t.Fatal(err)
			}
			w.Close()
			if line, err := bufio.NewReader(r).ReadString('\n'); line != "waiting\n" {
				t.Errorf("said %q, %v", line, err)
			}
			s.Close()
			_ = cmd.Wait()
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGKILL {
				t.Errorf("ended with %v", cmd.ProcessState)
			}
		})
	}
}
