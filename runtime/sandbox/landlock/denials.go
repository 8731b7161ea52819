package landlock

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// denialsEach is how many denials are told in a burst, and burst how long that is:
	// beyond that the kernel's buffer fills and it drops the rest, at no cost here.
	denialsEach = 200
	burst       = time.Second
	// domainsKept bounds the restrictions whose process is remembered.
	domainsKept = 8192
	// heldBack is how long a denial waits for the record that says whose it was, which
	// the kernel writes after the first of each.
	heldBack = 200 * time.Millisecond
	// pendingKept bounds the denials that wait.
	pendingKept = 64
)

// WatchDenials tells emit of what Landlock denies anywhere on this machine, until ctx
// ends, and then returns nil. Records are told in their order, at most 200 a second; what
// is more is lost. It needs what AuditReadable asks for, and returns an error at once
// where it may not read. It calls emit itself; what emit takes long over is lost in
// the end.
func WatchDenials(ctx context.Context, emit func(AuditDenial)) error {
	fd, err := openAudit(1 << (unix.AUDIT_NLGRP_READLOG - 1))
	if err != nil {
		return err
	}
	socket := os.NewFile(uintptr(fd), "audit socket")
	defer socket.Close()
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20) // more room is a favour
	stop := context.AfterFunc(ctx, func() { _ = socket.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	w := &watch{emit: emit, domains: map[string]owner{}}
	record := make([]byte, 16<<10)
	for ctx.Err() == nil {
		if err := w.await(ctx, socket); err != nil {
			return err
		}
		n, err := socket.Read(record)
		switch {
		case err == nil:
			w.take(record[:n])
		case errors.Is(err, os.ErrDeadlineExceeded):
			w.flush()
		case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.EINTR):
		default:
			return fmt.Errorf("read audit records: %w", err)
		}
		if len(w.pending) > 0 && time.Since(w.held) > heldBack {
			w.flush()
		}
		if err := w.rest(ctx); err != nil {
			return nil
		}
	}
	return nil
}

// owner is whom a restriction was put on.
type owner struct {
	pid  int
	comm string
}

// A watch puts records together.
type watch struct {
	emit    func(AuditDenial)
	domains map[string]owner
	pending []AuditDenial // of domains that are not known yet
	held    time.Time     // since when the first of them waits

	began time.Time // of the burst
	told  int       // in it
}

// await sets how long the next read may take: for ever, but while a denial is held back.
func (w *watch) await(ctx context.Context, socket *os.File) error {
	var deadline time.Time
	if len(w.pending) > 0 {
		deadline = time.Now().Add(heldBack)
	}
	err := socket.SetReadDeadline(deadline)
	if ctx.Err() != nil { // it may have ended just before, and been forgotten
		err = socket.SetReadDeadline(time.Unix(1, 0))
	}
	if err != nil {
		return fmt.Errorf("watch audit records: %w", err)
	}
	return nil
}

// take reads one record. The length in its header is not the same on all kernels; one
// message is one record.
func (w *watch) take(message []byte) {
	if len(message) < unix.SizeofNlMsghdr {
		return
	}
	text := strings.TrimRight(string(message[unix.SizeofNlMsghdr:]), "\x00\n")
	switch binary.NativeEndian.Uint16(message[4:]) {
	case unix.AUDIT_LANDLOCK_ACCESS:
		w.access(denialOf(fields(body(text))))
	case unix.AUDIT_LANDLOCK_DOMAIN:
		w.domain(fields(body(text)))
	}
}

func (w *watch) access(d AuditDenial) {
	who, known := w.domains[d.Domain]
	if !known {
		if len(w.pending) == pendingKept {
			w.flush()
		}
		if len(w.pending) == 0 {
			w.held = time.Now()
		}
		w.pending = append(w.pending, d)
		return
	}
	d.PID, d.Comm = who.pid, who.comm
	w.tell(d)
}

// domain learns whose a restriction is, or forgets it when it is gone.
func (w *watch) domain(f map[string]string) {
	name := f["domain"]
	if f["status"] != "allocated" {
		delete(w.domains, name)
		return
	}
	if len(w.domains) >= domainsKept {
		clear(w.domains)
	}
	who := owner{number(f["pid"]), untrusted(f["comm"])}
	w.domains[name] = who
	var others []AuditDenial
	for _, d := range w.pending {
		if d.Domain != name {
			others = append(others, d)
			continue
		}
		d.PID, d.Comm = who.pid, who.comm
		w.tell(d)
	}
	w.pending = others
}

// flush tells what was held back for too long, without whose it was.
func (w *watch) flush() {
	for _, d := range w.pending {
		w.tell(d)
	}
	w.pending = nil
}

func (w *watch) tell(d AuditDenial) {
	w.told++
	w.emit(d)
}

// rest waits for the end of a burst that told too much. It returns an error where ctx
// ended meanwhile.
func (w *watch) rest(ctx context.Context) error {
	if now := time.Now(); now.Sub(w.began) >= burst {
		w.began, w.told = now, 0
	}
	if w.told < denialsEach {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(w.began.Add(burst))):
		return nil
	}
}
