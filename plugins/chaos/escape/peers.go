package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
)

// trace seizes a process, which does not stop it, and lets go.
func trace(pid int) verdict {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := unix.PtraceSeize(pid)
	if err == nil {
		_ = unix.PtraceInterrupt(pid)
		var status unix.WaitStatus
		_, _ = unix.Wait4(pid, &status, unix.WALL, nil)
		_ = unix.PtraceDetach(pid)
	}
	return failed("ptrace", err)
}

func traceHost(t target) verdict    { return trace(t.pid(attack.HostPID)) }
func traceSibling(t target) verdict { return trace(t.pid(attack.SiblingPID)) }

// signal sends signals that do no harm: none, and the one that wakes what is not stopped.
func signal(pid int) verdict {
	return each(
		step{"kill 0", func() error { return unix.Kill(pid, 0) }},
		step{"kill SIGCONT", func() error { return unix.Kill(pid, unix.SIGCONT) }},
		step{"tgkill", func() error { return unix.Tgkill(pid, pid, unix.SIGCONT) }},
		step{"rt_sigqueueinfo", func() error {
			info := [32]int32{int32(unix.SIGCONT), 0, -1} // SI_QUEUE
			return raw(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(unix.SIGCONT), pointer(&info))
		}},
		step{"pidfd_send_signal", func() error {
			fd, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.PidfdSendSignal(fd, unix.SIGCONT, nil, 0)
		}},
	)
}

func killHost(t target) verdict    { return signal(t.pid(attack.HostPID)) }
func killSibling(t target) verdict { return signal(t.pid(attack.SiblingPID)) }

func killAll(target) verdict {
	return each(
		step{"kill -1 0", func() error { return unix.Kill(-1, 0) }},
		step{"kill -1 SIGCONT", func() error { return unix.Kill(-1, unix.SIGCONT) }},
	)
}

// connectUnix connects to a socket; a name that begins with @ is abstract.
func connectUnix(name string) error {
	var errs []error
	for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_SEQPACKET, unix.SOCK_DGRAM} {
		fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: name})
		_ = unix.Close(fd)
		if err == nil || errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EPROTOTYPE) { // it was let through
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func connectAdminSocket(t target) verdict {
	return failed("connect", connectUnix(t.Get(attack.AdminSocket)))
}

func connectControl(t target) verdict {
	return failed("connect", connectUnix(t.Get(attack.Control)))
}

func connectAbstract(t target) verdict {
	return failed("connect", connectUnix("@"+t.Get(attack.Abstract)))
}

// connectData tries every socket that it can learn of.
func connectData(t target) verdict {
	var steps []step
	table, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		steps = append(steps, step{"read /proc/net/unix", func() error { return err }})
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 8 || len(steps) > 50 {
			continue
		}
		steps = append(steps, step{"connect " + fields[7], func() error { return connectUnix(fields[7]) }})
	}
	for fd := range 10 {
		path := t.proc(attack.SiblingPID, fmt.Sprintf("fd/%d", fd))
		steps = append(steps, step{"connect " + path, func() error { return connectUnix(path) }})
	}
	return each(steps...)
}

func sendDatagram(t target) verdict {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return stopped("socket: %v", err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrUnix{Name: t.Get(attack.AdminSocket)}
	sent := func(err error) error {
		if errors.Is(err, unix.EPROTOTYPE) { // it was let through, to a socket of another type
			return nil
		}
		return err
	}
	return each(
		step{"sendto", func() error { return sent(unix.Sendto(fd, []byte("x"), 0, to)) }},
		step{"sendmsg", func() error { return sent(unix.Sendmsg(fd, []byte("x"), nil, to, 0)) }},
	)
}

// typeInTerminal types nothing but a space, where there is a terminal.
func typeInTerminal(target) verdict {
	space := byte(' ')
	steps := []step{{"open /dev/tty", func() error {
		fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return raw(unix.SYS_IOCTL, uintptr(fd), unix.TIOCSTI, pointer(&space))
	}}}
	for fd := range 3 {
		steps = append(steps, step{fmt.Sprintf("ioctl %d TIOCSTI", fd), func() error {
			return raw(unix.SYS_IOCTL, uintptr(fd), unix.TIOCSTI, pointer(&space))
		}})
	}
	return each(steps...)
}

// leaveMessageQueue makes a System V queue and removes it.
func leaveMessageQueue(target) verdict {
	id, err := rawResult(unix.SYS_MSGGET, 0, unix.IPC_CREAT|0o600)
	if err != nil {
		return stopped("msgget: %v", err)
	}
	defer func() { _ = raw(unix.SYS_MSGCTL, uintptr(id), unix.IPC_RMID, 0) }()
	if os.Getppid() <= 1 {
		return contained("a message queue, in this process's own namespace")
	}
	return escaped("a message queue")
}
