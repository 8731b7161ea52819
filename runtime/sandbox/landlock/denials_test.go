package landlock_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/sandbox/landlock"
)

// setAuditing turns the kernel's auditing on or off.
func setAuditing(t *testing.T, on bool) {
	t.Helper()
	status := make([]byte, 40)
	binary.NativeEndian.PutUint32(status, 1) // what is set is whether it is on
	if on {
		binary.NativeEndian.PutUint32(status[4:], 1)
	}
	message := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(status)))
	message = binary.NativeEndian.AppendUint16(message, unix.AUDIT_SET)
	message = binary.NativeEndian.AppendUint16(message, unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	message = append(append(message, make([]byte, 8)...), status...)

	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_AUDIT)
	must(t, err)
	defer unix.Close(fd)
	must(t, unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
	answer := make([]byte, 4096)
	n, err := unix.Read(fd, answer)
	must(t, err)
	if n < unix.SizeofNlMsghdr+4 {
		t.Fatalf("the kernel answers with %d bytes", n)
	}
	if errno := -int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); errno != 0 {
		t.Fatalf("set auditing: %v", unix.Errno(errno))
	}
}

// withAuditing has auditing on for the length of the test.
func withAuditing(t *testing.T) {
	t.Helper()
	err := landlock.AuditReadable()
	if err == nil {
		return
	}
	if !strings.Contains(err.Error(), "auditctl -e 1") {
		t.Fatalf("auditing is off, and what is said is %v", err)
	}
	setAuditing(t, true)
	t.Cleanup(func() { setAuditing(t, false) })
}

func TestWhoMayReadAuditRecordsIsToldOfDenialsAndWhoMayNotIsTold(t *testing.T) {
	if os.Getuid() != 0 {
		emit := func(d landlock.AuditDenial) { t.Errorf("told of %+v", d) }
		for what, err := range map[string]error{
			"asking":   landlock.AuditReadable(),
			"watching": landlock.WatchDenials(t.Context(), emit),
		} {
			if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "CAP_AUDIT_READ") {
				t.Errorf("%s gives %v", what, err)
			}
		}
		return
	}
	withAuditing(t)
	must(t, landlock.AuditReadable())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	told := make(chan landlock.AuditDenial)
	ended := make(chan error, 1)
	go func() {
		ended <- landlock.WatchDenials(ctx, func(d landlock.AuditDenial) {
			select {
			case told <- d:
			case <-ctx.Done():
			}
		})
	}()

	listening(t, ctx, told)
	yard := makeYard(t, 0)
	child := make(chan int, 1)
	go func() {
		defer close(child)
		_, pid := trying(t, yard, 0, rulesOf(t, yard, 0))
		child <- pid
	}()
	waitFor(t, ctx, told, yard, child)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// listening returns when the watch has begun: the first record of a restriction says
// whose it is.
func listening(t *testing.T, ctx context.Context, told <-chan landlock.AuditDenial) {
	t.Helper()
	yard := makeYard(t, 0)
	for {
		child := make(chan int, 1)
		go func() {
			defer close(child)
			_, pid := trying(t, yard, 0, landlock.Rules{})
			child <- pid
		}()
		heard := false
		for running := true; running; {
			select {
			case d := <-told:
				heard = heard || strings.HasPrefix(d.Path, yard)
			case <-child:
				running = false
			}
		}
		switch {
		case heard:
			return
		case ctx.Err() != nil:
			t.Fatal("the watch never begins")
		}
	}
}

// waitFor takes what is told until everything was that the child must have been denied.
func waitFor(t *testing.T, ctx context.Context, told <-chan landlock.AuditDenial, yard string, child <-chan int) {
	t.Helper()
	want := map[string]func(landlock.AuditDenial) bool{
		"fs.read_file":               func(d landlock.AuditDenial) bool { return d.Path == filepath.Join(yard, "foreign/file") },
		"fs.execute":                 func(d landlock.AuditDenial) bool { return d.Path == filepath.Join(yard, "own/nothing") },
		"fs.truncate":                func(d landlock.AuditDenial) bool { return d.Path == filepath.Join(yard, "listed/long") },
		"net.connect_tcp":            func(d landlock.AuditDenial) bool { return strings.HasPrefix(d.Dest, "127.0.0.1:") },
		"scope.signal":               func(d landlock.AuditDenial) bool { return d.Dest != "" },
		"scope.abstract_unix_socket": func(d landlock.AuditDenial) bool { return strings.HasPrefix(d.Path, "@segue-landlock-") },
	}
	var all []landlock.AuditDenial
	pid := 0
	for pid == 0 || len(want) > 0 {
		select {
		case d := <-told:
			all = append(all, d)
		case pid = <-child:
			child = nil
		case <-ctx.Done():
			t.Fatalf("never told of %v; told of %+v", want, all)
		}
		if pid == 0 {
			continue
		}
		for _, d := range all {
			for blocker, matches := range want {
				if d.PID == pid && d.Comm != "" && slices.Contains(d.Blockers, blocker) && matches(d) {
					delete(want, blocker)
				}
			}
		}
	}
}
