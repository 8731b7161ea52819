package launch

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// ErrSpawnerClosed is the answer of a Spawner that was closed.
var ErrSpawnerClosed = errors.New("spawner is closed")

// Spawner starts processes from one thread that lives as long as it is open. The
// kernel sends a child its parent-death signal when the thread that made it ends,
// and the Go runtime ends threads when it pleases.
type Spawner struct {
	orders chan order
	quit   chan struct{}
	once   sync.Once
	done   chan struct{}
}

type order struct {
	cmd   *exec.Cmd
	reply chan error
}

// NewSpawner starts the thread. The caller owns it and calls Close.
func NewSpawner() *Spawner {
	s := &Spawner{orders: make(chan order), quit: make(chan struct{}), done: make(chan struct{})}
	go s.loop()
	return s
}

// Start starts cmd. It blocks for as long as fork and exec take, behind those that
// came first. Any goroutine may wait for the process.
func (s *Spawner) Start(cmd *exec.Cmd) error {
	o := order{cmd: cmd, reply: make(chan error, 1)}
	select {
	case s.orders <- o:
		return <-o.reply
	case <-s.quit:
		return ErrSpawnerClosed
	}
}

// Close ends the thread, and with it every process that was started through it and
// still runs. Closing twice does nothing.
func (s *Spawner) Close() {
	s.once.Do(func() { close(s.quit) })
	<-s.done
}

// loop never unlocks its thread, so that the thread ends with it and is not used
// again. The process's main thread is the one that cannot end; it is given back.
func (s *Spawner) loop() {
	runtime.LockOSThread()
	if syscall.Gettid() == syscall.Getpid() {
		locked := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(locked)
			s.serve()
		}()
		<-locked
		runtime.UnlockOSThread()
		return
	}
	s.serve()
}

func (s *Spawner) serve() {
	defer close(s.done)
	for {
		select {
		case o := <-s.orders:
			o.reply <- explain(o.cmd, o.cmd.Start())
		case <-s.quit:
			return
		}
	}
}

// explain says what cmd asks of the kernel that may be refused, for the error alone says
// only "operation not permitted".
func explain(cmd *exec.Cmd, err error) error {
	attr := cmd.SysProcAttr
	if err == nil || attr == nil {
		return err
	}
	if attr.Credential != nil {
		err = fmt.Errorf("as user %d: %w", attr.Credential.Uid, err)
	}
	var names []string
	for _, space := range (Namespaces{User: true, PID: true, IPC: true, Network: true}).each() {
		if attr.Cloneflags&space.flag != 0 {
			names = append(names, space.name)
		}
	}
	if len(names) > 0 {
		err = fmt.Errorf("with namespaces of its own (%s): %w", strings.Join(names, ", "), err)
	}
	return err
}
