package landlock

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// auditStatus is the beginning of the kernel's struct audit_status.
type auditStatus struct{ Mask, Enabled uint32 }

// AuditReadable says why this process would not be told of what Landlock denies: it may
// not read the kernel's audit records, or auditing is off. It never turns it on. nil: it
// would be told.
func AuditReadable() error {
	fd, err := openAudit(1 << (unix.AUDIT_NLGRP_READLOG - 1))
	if err != nil {
		return err
	}
	if err := unix.Close(fd); err != nil {
		return fmt.Errorf("close the audit socket: %w", err)
	}
	status, err := readStatus()
	if err != nil {
		return err
	}
	if status.Enabled == 0 {
		return errors.New("the kernel's auditing is off; auditctl -e 1 turns it on")
	}
	return nil
}

// openAudit opens a socket that hears the records of those groups.
func openAudit(groups uint32) (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_AUDIT)
	if err != nil {
		return 0, fmt.Errorf("open the audit socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		_ = unix.Close(fd)
		if errors.Is(err, unix.EPERM) {
			return 0, fmt.Errorf("reading audit records needs CAP_AUDIT_READ: %w", err)
		}
		return 0, fmt.Errorf("hear the audit records: %w", err)
	}
	return fd, nil
}

// readStatus asks the kernel how auditing stands. It blocks for no longer than the
// kernel takes to answer, which it does before the question's call returns.
func readStatus() (auditStatus, error) {
	fd, err := openAudit(0)
	if err != nil {
		return auditStatus{}, err
	}
	defer unix.Close(fd)
	question := binary.NativeEndian.AppendUint32(nil, unix.SizeofNlMsghdr)
	question = binary.NativeEndian.AppendUint16(question, unix.AUDIT_GET)
	question = binary.NativeEndian.AppendUint16(question, unix.NLM_F_REQUEST)
	question = append(question, make([]byte, 8)...) // sequence and port
	if err := unix.Sendto(fd, question, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return auditStatus{}, fmt.Errorf("ask whether auditing is on: %w", err)
	}
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if _, err := unix.Poll(poll, 1000); err != nil && !errors.Is(err, unix.EINTR) {
		return auditStatus{}, fmt.Errorf("wait for whether auditing is on: %w", err)
	}
	answer := make([]byte, os.Getpagesize())
	n, err := unix.Read(fd, answer)
	if err != nil {
		return auditStatus{}, fmt.Errorf("read whether auditing is on: %w", err)
	}
	return parseStatus(answer[:n])
}

func parseStatus(answer []byte) (auditStatus, error) {
	if len(answer) < unix.SizeofNlMsghdr+4 {
		return auditStatus{}, fmt.Errorf("the kernel says %d bytes about auditing", len(answer))
	}
	kind, body := binary.NativeEndian.Uint16(answer[4:]), answer[unix.SizeofNlMsghdr:]
	if kind == unix.NLMSG_ERROR {
		errno := unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
		return auditStatus{}, fmt.Errorf("asking whether auditing is on needs CAP_AUDIT_CONTROL: %w", errno)
	}
	var status auditStatus
	if err := binary.Read(bytes.NewReader(body), binary.NativeEndian, &status); err != nil || kind != unix.AUDIT_GET {
		return auditStatus{}, fmt.Errorf("the kernel's word of kind %d about auditing cannot be read: %w", kind, err)
	}
	return status, nil
}
