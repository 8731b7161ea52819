package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"github.com/segue-run/segue/runtime/module"
)

// What one process may have of its supervisor. What is beyond waits in the process.
const (
	callsRate  = 2000 // a second
	callsBurst = 200
	// maxCalls are answered at a time.
	maxCalls = 32
	// maxResolvers are the sockets that names are asked for over, with so many questions
	// a second over all of them.
	maxResolvers   = 128
	questionsRate  = 200
	questionsBurst = 100
)

// supervisor answers the system calls that a process's filter passes on.
type supervisor struct {
	process  *process
	notifier *notifier
	tasks    sync.WaitGroup // the calls and the resolver's sockets
	slots    chan struct{}
	told     sync.Once // that something is missing here
	// questions is the pace of those for names.
	questions *rate.Limiter

	mu        sync.Mutex          // guards resolvers
	resolvers map[uint64]struct{} // the inodes of the process's ends
}

// outcome is what a call comes to.
type outcome struct {
	value   int64
	errno   syscall.Errno
	proceed bool // the kernel goes on with the call
	done    bool // it has been answered
}

func failed(errno syscall.Errno) outcome { return outcome{errno: errno} }

// supervise takes over the listener and serves it until no process is left that has the
// filter, or ctx ends; process.tasks tells when.
func (p *process) supervise(ctx context.Context, fd int) error {
	n, err := openNotifier(fd)
	if err != nil {
		return err
	}
	s := &supervisor{
		process: p, notifier: n, slots: make(chan struct{}, maxCalls),
		questions: rate.NewLimiter(questionsRate, questionsBurst), resolvers: map[uint64]struct{}{},
	}
	p.tasks.Go(func() {
		if err := s.run(ctx); err != nil && ctx.Err() == nil {
			p.log.Error("the module's system calls cannot be answered", zap.Error(err))
		}
	})
	return nil
}

func (s *supervisor) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	release := onEnd(ctx, func() { _ = s.notifier.file.SetReadDeadline(time.Unix(1, 0)) })
	defer func() {
		cancel()
		release()
		s.tasks.Wait()
		_ = s.notifier.file.Close()
	}()
	pace := rate.NewLimiter(callsRate, callsBurst)
	for {
		call, err := s.notifier.receive(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive a system call: %w", err)
		}
		if err := s.handle(ctx, call); err != nil {
			return err
		}
		if err := pace.Wait(ctx); err != nil {
			return err
		}
	}
}

// arches are what the kernel calls the architectures.
var arches = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// handle answers a call, at once or from a goroutine of its own where that may block.
func (s *supervisor) handle(ctx context.Context, call notification) error {
	t := tracee{notifier: s.notifier, id: call.id, tid: int(call.tid)}
	var serve func(context.Context, tracee, notification) outcome
	switch {
	case call.arch != arches[runtime.GOARCH]:
		s.process.denied(module.BySeccomp, "system calls of another architecture", "")
		return s.answer(call, failed(unix.EPERM))
	case call.nr == unix.SYS_SOCKET:
		return s.answer(call, s.socket(ctx, t, call))
	case call.nr == unix.SYS_CONNECT:
		serve = s.connect
	case call.nr == unix.SYS_BIND:
		serve = s.bind
	case call.nr == unix.SYS_LISTEN:
		serve = s.listen
	case call.nr == unix.SYS_SETSOCKOPT && isErrorQueue(call):
		serve = s.setErrorQueue
	default:
		return s.answer(call, s.deny(t, call))
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.tasks.Go(func() {
		defer func() { <-s.slots }()
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		if err := s.answer(call, serve(ctx, t, call)); err != nil {
			s.complain(err)
		}
	})
	return nil
}

func (s *supervisor) answer(call notification, o outcome) error {
	if o.done {
		return nil
	}
	if err := s.notifier.answer(call.id, o); err != nil {
		return fmt.Errorf("answer a system call: %w", err)
	}
	return nil
}

// broken is the outcome of a call that could not be looked into: the process's own
// mistake, or something that is missing here, which is told.
func (s *supervisor) broken(err error) outcome {
	if errors.Is(err, errGone) {
		return outcome{done: true}
	}
	errno, ok := errors.AsType[syscall.Errno](err)
	switch {
	case ok && (errno == unix.EBADF || errno == unix.EFAULT || errno == unix.ENOTSOCK || errno == unix.EINVAL):
		return failed(errno)
	case ok && (errno == unix.ESRCH || errno == unix.ENOENT):
		return outcome{done: true} // its thread is gone
	}
	s.complain(fmt.Errorf("look into a system call: %w", err))
	return failed(unix.EPERM)
}

// complain tells once that system calls cannot be served, for whatever is missing here.
func (s *supervisor) complain(err error) {
	s.told.Do(func() { s.process.log.Error("a system call of the module's cannot be served", zap.Error(err)) })
}
