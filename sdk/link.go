package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/sdk/wire"
)

// announcedLink is the link's descriptor as the environment told it, which it is
// withdrawn from.
var announcedLink = sync.OnceValue(func() string {
	defer func() { _ = os.Unsetenv(wire.EnvLink) }()
	return os.Getenv(wire.EnvLink)
})

// inheritedLink is this process's link to the runtime, taken over when it is first
// asked for.
var inheritedLink = sync.OnceValues(func() (*link, error) {
	number := announcedLink()
	if number == "" {
		return nil, errors.New("this process has no link to a runtime: it was started by hand, or by a runtime that is older than this sdk")
	}
	fd, err := strconv.Atoi(number)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("%s is %q, which is no descriptor of the link to the runtime", wire.EnvLink, number)
	}
	return openLink(fd)
})

// link is the module's end of the link. Its goroutine reads while somebody waits.
type link struct {
	conn    *net.UnixConn
	writing chan struct{} // holds one; a lock that can be waited for with a context

	mu      sync.Mutex // guards what follows
	last    uint64     // the last request's number
	waiting map[uint64]chan<- reply
	reading bool
	broken  error // why nothing comes any more
}

// reply is an answer, with the socket that came with it.
type reply struct {
	answer wire.LinkAnswer
	file   *os.File
}

func (r reply) drop() {
	if r.file != nil {
		_ = r.file.Close()
	}
}

// openLink takes over the descriptor, which is closed in any case.
func openLink(fd int) (*link, error) {
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "link")
	defer f.Close() // FileConn has a duplicate
	if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_SEQPACKET {
		return nil, fmt.Errorf("descriptor %d is no link to a runtime", fd)
	}
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("open the link to the runtime: %w", err)
	}
	c, ok := conn.(*net.UnixConn)
	if !ok {
		_ = conn.Close()
		return nil, fmt.Errorf("descriptor %d is no link to a runtime", fd)
	}
	return &link{conn: c, writing: make(chan struct{}, 1), waiting: map[uint64]chan<- reply{}}, nil
}

// ask sends the request and waits for the socket that it asks for.
func (l *link) ask(ctx context.Context, req wire.LinkRequest) (*os.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		req.TimeoutMS = max(1, time.Until(deadline).Milliseconds())
	}
	answers := make(chan reply, 1)
	id, err := l.expect(answers)
	if err != nil {
		return nil, err
	}
	req.ID = id
	if err := l.send(ctx, req); err != nil {
		l.forget(id, answers)
		return nil, err
	}
	select {
	case r, ok := <-answers:
		if !ok {
			return nil, l.why()
		}
		return r.socket()
	case <-ctx.Done():
		l.forget(id, answers)
		l.cancel(id)
		return nil, ctx.Err()
	}
}

// socket is what was asked for, or why there is none.
func (r reply) socket() (*os.File, error) {
	if r.answer.Error != "" || r.answer.Denied {
		r.drop()
		return nil, &hostError{text: r.answer.Error, denied: r.answer.Denied, errno: syscall.Errno(r.answer.Errno)}
	}
	if r.file == nil {
		return nil, errors.New("the runtime's answer came without a socket; this process may have too many open files")
	}
	return r.file, nil
}

// expect makes the answer of a new request go to answers, which is closed where
// none can come.
func (l *link) expect(answers chan<- reply) (id uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return 0, l.broken
	}
	l.last++
	l.waiting[l.last] = answers
	if !l.reading {
		l.reading = true
		_ = l.conn.SetReadDeadline(time.Time{})
		go l.read()
	}
	return l.last, nil
}

// forget drops an answer that nobody waits for, and lets the reader go where there
// is no other.
func (l *link) forget(id uint64, answers <-chan reply) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, id)
	if len(l.waiting) == 0 && l.reading {
		_ = l.conn.SetReadDeadline(time.Unix(1, 0))
	}
	select {
	case r := <-answers:
		r.drop()
	default:
	}
}

// cancelTime bounds how long the runtime is waited for to hear that nobody waits.
const cancelTime = 100 * time.Millisecond

func (l *link) cancel(id uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), cancelTime)
	defer cancel()
	// Unheard, it costs the runtime a connection that it closes.
	_ = l.send(ctx, wire.LinkRequest{ID: id, Do: wire.LinkCancel})
}

// send writes one message. It blocks while the runtime does not read, at most until
// ctx ends.
func (l *link) send(ctx context.Context, req wire.LinkRequest) error {
	text, err := json.Marshal(req)
	if err != nil {
		return err
	}
	if len(text) > wire.MaxLinkMessage {
		return errors.New("the address is too long")
	}
	select {
	case l.writing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.writing }()
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = l.conn.SetWriteDeadline(time.Unix(1, 0))
		close(ended)
	})
	_, err = l.conn.Write(text)
	if !stop() {
		<-ended
		_ = l.conn.SetWriteDeadline(time.Time{})
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("the link to the runtime: %w", err)
}

// read gives answers to those who wait, until nobody does.
func (l *link) read() {
	for {
		r, err := l.receive()
		l.mu.Lock()
		if errors.Is(err, os.ErrDeadlineExceeded) && len(l.waiting) > 0 {
			err = l.conn.SetReadDeadline(time.Time{}) // somebody came after the last had left
		} else if err == nil {
			l.deliverLocked(r)
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			l.breakLocked(err)
		}
		done := len(l.waiting) == 0
		l.reading = !done
		l.mu.Unlock()
		if done {
			return
		}
	}
}

func (l *link) deliverLocked(r reply) {
	answers, ok := l.waiting[r.answer.ID]
	if !ok {
		r.drop()
		return
	}
	delete(l.waiting, r.answer.ID)
	answers <- r
}

func (l *link) breakLocked(err error) {
	l.broken = fmt.Errorf("the link to the runtime is gone: %w", err)
	for _, answers := range l.waiting {
		close(answers)
	}
	clear(l.waiting)
	_ = l.conn.Close()
}

func (l *link) why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

// receive reads one answer.
func (l *link) receive() (reply, error) {
	text, control := make([]byte, wire.MaxLinkMessage), make([]byte, unix.CmsgSpace(4))
	n, controls, _, _, err := l.conn.ReadMsgUnix(text, control) // close-on-exec, by package net
	r := reply{file: received(control[:max(controls, 0)])}
	if err == nil {
		err = json.Unmarshal(text[:n], &r.answer)
	}
	if err != nil {
		r.drop()
		return reply{}, err
	}
	return r, nil
}

// received is the first descriptor in a control message; it closes the others.
func received(control []byte) *os.File {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	var file *os.File
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			if file != nil {
				_ = unix.Close(fd)
				continue
			}
			file = os.NewFile(uintptr(fd), "socket")
		}
	}
	return file
}
