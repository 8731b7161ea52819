package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/segue-run/segue/runtime/launch/internal/entry"
)

// Try starts a launcher that puts on all of c and then ends, instead of becoming a
// module. It returns nil if that worked, else what the kernel refused. Where c.Notify
// is set the listener is received, and closed. It blocks for a start, at most until
// ctx is done.
func Try(ctx context.Context, spawner *Spawner, c Confinement) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("try a confinement: %w", err)
	}
	defer null.Close()
	spec := Spec{Binary: null, Args: []string{"try"}, Confine: c}
	spec.Limits, _ = Limits{}.Clamped()
	if c.ExecFD != 0 {
		spec.Limits.NoFile = min(spec.Limits.NoFile, uint64(c.ExecFD))
	}
	var link [2]*os.File
	if c.Notify {
		if link, err = pair(); err != nil {
			return fmt.Errorf("try a confinement: %w", err)
		}
		defer link[0].Close()
		defer link[1].Close()
		spec.Files, spec.Confine.NotifyFD = link[1:], 3
	}
	if err := try(ctx, spawner, spec); err != nil {
		return err
	}
	if c.Notify {
		return receive(int(link[0].Fd()))
	}
	return nil
}

// try runs the launcher to its end.
func try(ctx context.Context, spawner *Spawner, spec Spec) error {
	cmd := exec.CommandContext(ctx, self)
	spec.order(cmd)
	cmd.Args = append([]string{cmd.Args[0], number(entry.KeyTry, 1)}, cmd.Args[1:]...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := spawner.Start(cmd); err != nil {
		return fmt.Errorf("start the launcher: %w", err)
	}
	err := cmd.Wait()
	switch line := strings.TrimSpace(strings.TrimPrefix(said.String(), FailurePrefix)); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("try a confinement: %w", ctx.Err())
	case line != "":
		return errors.New(line)
	default:
		return fmt.Errorf("the launcher ended: %w", err)
	}
}

// pair is the host's end and the launcher's of a link.
func pair() ([2]*os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return [2]*os.File{}, fmt.Errorf("make a link: %w", err)
	}
	return [2]*os.File{os.NewFile(uintptr(fds[0]), "link"), os.NewFile(uintptr(fds[1]), "link")}, nil
}

// receive takes the listener that the launcher has sent, and closes it.
func receive(socket int) error {
	var payload [1]byte
	control := make([]byte, syscall.CmsgSpace(4))
	n, nc, _, _, err := syscall.Recvmsg(socket, payload[:], control, syscall.MSG_DONTWAIT|syscall.MSG_CMSG_CLOEXEC)
	if err != nil {
		return fmt.Errorf("receive the listener of seccomp: %w", err)
	}
	messages, err := syscall.ParseSocketControlMessage(control[:nc])
	if err != nil || len(messages) != 1 || n != 1 || payload[0] != NotifyByte {
		return errors.New("the launcher did not send the listener of seccomp")
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil {
		return fmt.Errorf("receive the listener of seccomp: %w", err)
	}
	for _, fd := range fds {
		_ = syscall.Close(fd)
	}
	return nil
}
