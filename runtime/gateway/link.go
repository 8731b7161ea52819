package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/wire"
)

// What one module may have of the gateway over its link. What is beyond waits in the
// module's end of the socket.
const (
	maxOutstanding = 64
	requestsRate   = 500 // a second
	requestsBurst  = 100
	// dialTimeout is the host's limit.
	dialTimeout = 10 * time.Second
	// answerTimeout is how long a module may leave an answer unread.
	answerTimeout = 10 * time.Second
	// maxErrorText keeps an answer within a message however it is written in JSON.
	maxErrorText = 512
)

// linkServer is the host's end of one link.
type linkServer struct {
	process *process
	conn    *net.UnixConn
	tasks   sync.WaitGroup // the requests that are being answered
	slots   chan struct{}

	writing sync.Mutex // held through the write of an answer

	mu      sync.Mutex                    // guards cancels
	cancels map[uint64]context.CancelFunc // of the requests that are being answered, by their numbers
}

// openLink takes over the link.
func openLink(p *process, link *os.File) (*linkServer, error) {
	defer link.Close() // FileConn has a duplicate
	conn, err := net.FileConn(link)
	if err != nil {
		return nil, fmt.Errorf("open the link: %w", err)
	}
	c, ok := conn.(*net.UnixConn)
	if !ok {
		_ = conn.Close()
		return nil, errors.New("open the link: it is no unix socket")
	}
	return &linkServer{process: p, conn: c, slots: make(chan struct{}, maxOutstanding), cancels: map[uint64]context.CancelFunc{}}, nil
}

// serve answers until the other end is closed or breaks a rule, which is an error, or
// ctx ends. Then the link is closed.
func (l *linkServer) serve(ctx context.Context) error {
	ctxLink, cancel := context.WithCancel(ctx)
	release := onEnd(ctxLink, func() { _ = l.conn.Close() })
	defer func() {
		cancel()
		release()
		l.tasks.Wait()
	}()
	pace := rate.NewLimiter(requestsRate, requestsBurst)
	for first := true; ; first = false {
		m, err := l.receive()
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) { // closed, with answers unread
			m.discard()
			return nil
		}
		if err != nil {
			m.discard()
			return fmt.Errorf("read a message: %w", err)
		}
		if first && m.isListener() {
			if err := l.process.supervise(ctx, m.descriptors[0]); err != nil {
				return err
			}
			continue
		}
		if len(m.descriptors) > 0 {
			m.discard()
			return errors.New("a message came with a descriptor")
		}
		if err := pace.Wait(ctxLink); err != nil {
			return err
		}
		if err := l.handle(ctxLink, m.text); err != nil {
			return err
		}
	}
}

// message is one that was received.
type message struct {
	text        []byte
	descriptors []int
}

// receive reads one message. What it returns has to be discarded also with an error.
func (l *linkServer) receive() (message, error) {
	text, control := make([]byte, wire.MaxLinkMessage), make([]byte, unix.CmsgSpace(4))
	n, controls, flags, _, err := l.conn.ReadMsgUnix(text, control) // close-on-exec, by package net
	m := message{text: text[:max(n, 0)], descriptors: descriptors(control[:max(controls, 0)])}
	if err == nil && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		err = errors.New("it is too long")
	}
	return m, err
}

// isListener reports whether it is what the launcher sends before the module runs.
func (m message) isListener() bool {
	return len(m.text) == 1 && m.text[0] == launch.NotifyByte && len(m.descriptors) == 1
}

func (m message) discard() {
	for _, fd := range m.descriptors {
		discard(fd)
	}
}

func descriptors(control []byte) []int {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	var all []int
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err == nil {
			all = append(all, fds...)
		}
	}
	return all
}

// discard closes a descriptor that the module has had its hands on: were it a socket
// that lingers, to close it could block for as long as the module likes.
func discard(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{})
	_ = unix.Close(fd)
}

// handle begins what a message asks for.
func (l *linkServer) handle(ctx context.Context, text []byte) error {
	var req wire.LinkRequest
	if err := json.Unmarshal(text, &req); err != nil {
		return fmt.Errorf("read a request: %w", err)
	}
	var open func(context.Context, wire.LinkRequest) (socket, error)
	switch req.Do {
	case wire.LinkCancel:
		if cancel := l.forget(req.ID); cancel != nil {
			cancel()
		}
		return nil
	case wire.LinkDial:
		open = l.process.dial
	case wire.LinkListen:
		open = l.process.listen
	default:
		return fmt.Errorf("a request is to do %q", module.Clip(req.Do, 32))
	}
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	timeout := dialTimeout
	if req.TimeoutMS > 0 && req.TimeoutMS < timeout.Milliseconds() {
		timeout = time.Duration(req.TimeoutMS) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	if !l.remember(req.ID, cancel) {
		cancel()
		return fmt.Errorf("request %d came twice", req.ID)
	}
	l.tasks.Go(func() {
		defer func() { <-l.slots }()
		defer cancel()
		sock, err := open(ctx, req)
		l.finish(req.ID, sock, err)
	})
	return nil
}

// remember reports whether the number is new among the requests that are being answered.
func (l *linkServer) remember(id uint64, cancel context.CancelFunc) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cancels[id] != nil {
		return false
	}
	l.cancels[id] = cancel
	return true
}

// forget is the request's cancel function where it is still waited for, else nil.
func (l *linkServer) forget(id uint64) context.CancelFunc {
	l.mu.Lock()
	defer l.mu.Unlock()
	cancel := l.cancels[id]
	delete(l.cancels, id)
	return cancel
}

// socket is a connection or a listener.
type socket interface {
	io.Closer
	syscall.Conn
}

// finish answers a request that is still waited for, and closes the socket.
func (l *linkServer) finish(id uint64, sock socket, err error) {
	if sock != nil {
		defer sock.Close()
	}
	if l.forget(id) == nil {
		return
	}
	answer := wire.LinkAnswer{ID: id}
	if err != nil {
		_, answer.Denied = errors.AsType[*refusal](err)
		answer.Error, answer.Errno = module.Clip(err.Error(), maxErrorText), errnoOf(err)
	}
	if err := l.send(answer, sock); err != nil {
		_ = l.conn.Close() // it does not read, or is gone
	}
}

func (l *linkServer) send(answer wire.LinkAnswer, sock socket) error {
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.conn.SetWriteDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	if sock == nil {
		_, err := l.conn.Write(text)
		return err
	}
	raw, err := sock.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Control(func(fd uintptr) {
		_, _, sent = l.conn.WriteMsgUnix(text, unix.UnixRights(int(fd)), nil)
	})
	return errors.Join(err, sent)
}

// errnoOf is the system's number of an error, 0 where it has none.
func errnoOf(err error) uint32 {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return uint32(errno)
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return uint32(unix.ETIMEDOUT)
	}
	return 0
}
