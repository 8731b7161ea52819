package instance

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/launch"
)

// errKilled is the answer of a process that was killed before it was started.
var errKilled = errors.New("killed before it was started")

// stage is where a process stands.
type stage int

const (
	fresh stage = iota
	starting
	running
	over // reaped, or never to be started
)

// process is one child and its process group. The group is only ever signalled
// while the child's pid is still ours: before it is reaped.
type process struct {
	// gone is closed when the process is over.
	gone chan struct{}

	mu     sync.Mutex
	stage  stage
	killed bool
	quota  string           // for which it was killed; empty for another reason
	also   func()           // kills what the group may not hold; may be nil; does not block
	pid    int              // of the child, once it was started; 0 before
	status *os.ProcessState // how it ended, once over; nil if it was never started
}

func newProcess() *process {
	return &process{gone: make(chan struct{})}
}

// id is the child's pid, or 0 if it was never started.
func (p *process) id() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid
}

// whileAlive calls f with the child's pid, which no other process can get before f has
// returned. Where the child was reaped, or never started, it is ErrGone. f must be
// quick: it holds up a kill.
func (p *process) whileAlive(f func(pid int) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stage != running {
		return ErrGone
	}
	return f(p.pid)
}

// wasKilled reports whether the host has killed it, or would have.
func (p *process) wasKilled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

// killedFor is the quota for which the host has killed it, or "".
func (p *process) killedFor() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.quota
}

// state is how the child ended; nil if it has not, or was never started.
func (p *process) state() *os.ProcessState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

// start starts cmd and a goroutine that waits for its end. It is called at most
// once, and blocks as Spawner.Start does.
func (p *process) start(spawner *launch.Spawner, cmd *exec.Cmd) error {
	p.mu.Lock()
	if p.stage != fresh {
		p.mu.Unlock()
		return errKilled
	}
	p.stage = starting
	p.mu.Unlock()

	pidfd := -1
	cmd.SysProcAttr.PidFD = &pidfd
	err := spawner.Start(cmd)

	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.stage = over
		close(p.gone)
		return fmt.Errorf("start the launcher: %w", err)
	}
	p.stage, p.pid = running, cmd.Process.Pid
	if p.killed {
		p.signalLocked()
	}
	go p.await(cmd, pidfd)
	return nil
}

// kill sends SIGKILL to the whole group, and to what else its sandbox knows; a process
// not yet started never will be. It does not wait.
func (p *process) kill() { p.killFor("") }

// killFor kills it for a quota. The first reason is the one that counts.
func (p *process) killFor(quota string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.killed {
		p.killed, p.quota = true, quota
	}
	switch p.stage {
	case fresh:
		p.stage = over
		close(p.gone)
	case running:
		p.signalLocked()
	}
}

func (p *process) signalLocked() {
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	if p.also != nil {
		p.also()
	}
}

// await waits until the child has ended, kills what is left of its group while its
// zombie still keeps the number, and reaps it.
func (p *process) await(cmd *exec.Cmd, pidfd int) {
	defer close(p.gone)
	awaitExit(cmd.Process.Pid, pidfd)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signalLocked()
	_ = cmd.Wait() // the ProcessState says it all
	p.stage, p.status = over, cmd.ProcessState
}

// awaitExit returns when a child has ended, and leaves it a zombie. It waits in the
// poller, so that fifty instances do not cost fifty threads.
func awaitExit(pid, pidfd int) {
	if pidfd >= 0 && pollExit(pidfd) == nil {
		return
	}
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// pollExit does it by the child's pidfd, which it closes.
func pollExit(pidfd int) error {
	if err := unix.SetNonblock(pidfd, true); err != nil {
		_ = unix.Close(pidfd)
		return err
	}
	f := os.NewFile(uintptr(pidfd), "pidfd")
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = conn.Read(func(fd uintptr) bool {
		var info unix.Siginfo
		failure = unix.Waitid(unix.P_PIDFD, int(fd), &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if failure == unix.EAGAIN || failure == unix.EINTR {
			return false
		}
		return failure != nil || info.Signo != 0
	})
	return errors.Join(failure, err)
}
