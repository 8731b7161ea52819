package launch_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/launch"
)

func TestTryPutsOnAllOfItAndLeavesNothing(t *testing.T) {
	c := launch.Confinement{
		Namespaces: launch.Namespaces{User: true, PID: true, IPC: true, Network: true},
		Processors: []int{0},
		CPUSeconds: 60,
		Ruleset:    ruleset(t),
		Filter:     answers(unix.SYS_GETPRIORITY, unix.SECCOMP_RET_USER_NOTIF),
		Notify:     true,
		ExecFD:     512,
	}
	if root() {
		c.User = &launch.User{UID: someone, GID: someone}
		c.Cgroups = cgroups(t, "tasks")
	}
	if err := launch.Try(t.Context(), spawner(t), c); err != nil {
		t.Error(err)
	}
}

func TestTryEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	// Nobody answers the launcher's last call.
	err := launch.Try(ctx, spawner(t), launch.Confinement{
		Filter: answers(unix.SYS_EXIT_GROUP, unix.SECCOMP_RET_USER_NOTIF), Notify: true,
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended with %v", err)
	}
}

func TestTrySaysHowALauncherEndedThatSaidNothing(t *testing.T) {
	err := launch.Try(t.Context(), spawner(t), launch.Confinement{
		Filter: answers(unix.SYS_EXIT_GROUP, unix.SECCOMP_RET_KILL_PROCESS),
	})
	if want := "the launcher ended: signal: bad system call"; err == nil || err.Error() != want {
		t.Errorf("ended with %v", err)
	}
}

func TestWhatCannotBePutOnIsNamedAndNotSkipped(t *testing.T) {
	null := open(t, os.DevNull)
	senseless := program(unix.SockFilter{Code: 0xffff})
	for want, c := range map[string]launch.Confinement{
		"join cgroup /dev/null: bad file descriptor":                        {Cgroups: []*os.File{null}},
		"run on its processors: invalid argument":                           {Processors: []int{8191}},
		"run on processor 8192: there is none":                              {Processors: []int{0, 8192}},
		"argument processors=0,-1: not a list of numbers":                   {Processors: []int{0, -1}},
		"restrict by landlock: file descriptor in bad state":                {Ruleset: null},
		"restrict by landlock: invalid argument":                            {Ruleset: ruleset(t), RulesetFlags: 1 << 31},
		"argument rulesetflags: there is no ruleset":                        {RulesetFlags: 2},
		"restrict by seccomp: invalid argument":                             {Filter: senseless, Notify: true},
		"restrict by seccomp: 7 bytes are no filter":                        {Filter: senseless[:7]},
		"restrict by seccomp: 32776 bytes are no filter":                    {Filter: make([]byte, 4097*8)},
		"argument notify: there is no filter to listen to":                  {Notify: true},
		"move the executable to descriptor 1073741824: bad file descriptor": {ExecFD: 1 << 30},
	} {
		t.Run(want, func(t *testing.T) {
			if err := launch.Try(t.Context(), spawner(t), c); err == nil || err.Error() != want {
				t.Errorf("said %v", err)
			}
		})
	}
}

func TestAModuleIsNotStartedWithoutWhatWasNamed(t *testing.T) {
	allow := program(unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW})
	for want, c := range map[string]launch.Confinement{
		"restrict by landlock: file descriptor in bad state":                                   {Ruleset: open(t, os.DevNull)},
		"argument notify=0: it can only be left out":                                           {Filter: allow, Notify: true},
		"argument notify=5: not one of the module's descriptors":                               {Filter: allow, Notify: true, NotifyFD: 5},
		"send the listener of seccomp: socket operation on non-socket":                         {Filter: allow, Notify: true, NotifyFD: 4},
		"argument execfd=99: below the limit of open files, so the module could have it again": {ExecFD: 99},
		"execute the module: operation not permitted":                                          {Filter: answers(unix.SYS_EXECVEAT, unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM))},
	} {
		t.Run(want, func(t *testing.T) {
			null := open(t, os.DevNull)
			code, stdout, stderr := run(t, launch.Spec{
				Files: []*os.File{null, null}, Limits: launch.Limits{NoFile: 100}, Confine: c,
			}, nil)
			if code != launch.FailureCode || stdout != "" || stderr != launch.FailurePrefix+want+"\n" {
				t.Errorf("exit code %d, said %q", code, stderr)
			}
		})
	}
}

func TestNamespacesThatTheKernelRefusesAreNamed(t *testing.T) {
	err := launch.Try(t.Context(), spawner(t), launch.Confinement{
		Namespaces: launch.Namespaces{PID: true, Network: true},
	})
	if root() {
		if err != nil {
			t.Error(err)
		}
		return
	}
	want := "start the launcher: with namespaces of its own (pid, network): "
	if err == nil || !strings.HasPrefix(err.Error(), want) || !errors.Is(err, syscall.EPERM) {
		t.Errorf("an ordinary user without a user namespace got %v", err)
	}
}
