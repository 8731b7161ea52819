package proc_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/proc"
)

// child is a process that sleeps until the test ends, in a session of its own. Its
// executable has that name.
func child(t *testing.T, name string) *exec.Cmd {
	t.Helper()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(sleep, link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(link, "600")
	cmd.Args[0] = "sleep"
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func TestAProcessIsKnownByItsStatWhateverItIsCalled(t *testing.T) {
	for _, name := range []string{"plain", "a b", ") Z 1 1 1", "((("} {
		pid := child(t, name).Process.Pid
		s, err := proc.StatOf(pid)
		if err != nil || s.Parent != os.Getpid() || s.Session != pid || s.Start == 0 || s.Ended() {
			t.Errorf("%q: %+v, %v", name, s, err)
		}
	}
}

func TestAZombieHasEndedAndHasNoMemory(t *testing.T) {
	cmd := child(t, "zombie")
	pid := cmd.Process.Pid
	before, err := proc.StatOf(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	s, err := proc.StatOf(pid)
	if err != nil || !s.Ended() || s.Start != before.Start {
		t.Errorf("%+v, %v", s, err)
	}
	status, err := proc.Status(pid)
	if _, there := proc.Bytes(status, "VmRSS:"); there || err != nil {
		t.Errorf("it has memory, %v: %s", err, status)
	}
}

func TestOfAProcessThatIsNotThereNothingIsTold(t *testing.T) {
	cmd := child(t, "gone")
	pid := cmd.Process.Pid
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if s, err := proc.StatOf(pid); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := proc.Status(pid); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if d, err := proc.CPUTime(pid); err == nil {
		t.Error("it took", d)
	}
}

func TestTheStatusHasFieldsAndSizes(t *testing.T) {
	status, err := proc.Status(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if n, there := proc.Bytes(status, "VmRSS:"); !there || n < int64(os.Getpagesize()) || n%1024 != 0 {
		t.Errorf("resident %d, %t", n, there)
	}
	for key, want := range map[string]string{"Tgid:": strconv.Itoa(os.Getpid()), "PPid:": strconv.Itoa(os.Getppid()), "Nothing:": "", "gid:": ""} {
		if got := proc.Field(status, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	for _, key := range []string{"Name:", "Nothing:"} {
		if n, there := proc.Bytes(status, key); there {
			t.Errorf("%s is the size %d", key, n)
		}
	}
}

func TestTheTimeThatAProcessTakesGrows(t *testing.T) {
	first, err := proc.CPUTime(os.Getpid())
	if err != nil || first <= 0 {
		t.Fatal(first, err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		if now, err := proc.CPUTime(os.Getpid()); err != nil {
			t.Fatal(err)
		} else if now > first {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not")
		}
	}
}

func TestADescriptorHasAPath(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if to, err := os.Readlink(proc.FD(int(f.Fd()))); err != nil || to != f.Name() {
		t.Errorf("%q, %v", to, err)
	}
}
