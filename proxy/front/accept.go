package front

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
)

// acceptPause is how long accepting rests where it cannot go on.
const acceptPause = 5 * time.Millisecond

// door is a listener.
type door struct {
	listener net.Listener
	options  Options
	secured  *tls.Config // nil for clear text
	handler  *handler    // nil for the engines
}

// accept takes connections until the listener is closed, or fails for good.
func (f *Front) accept(d *door) error {
	for {
		conn, err := d.listener.Accept()
		switch {
		case err == nil:
			f.admit(d, conn)
		case proxy.HostLacks(err), passing(err):
			if f.notices.lack.due() {
				f.cfg.Logger.Error("connections cannot be accepted now", zap.Error(err))
			}
			select {
			case <-time.After(acceptPause):
			case <-f.closing.Done():
			}
		default:
			return err
		}
	}
}

// passing reports whether the error is of one connection, or of the network for a while
// (accept(2)).
func passing(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return false
	}
	switch errno {
	case syscall.ECONNABORTED, syscall.EPERM, syscall.ENETDOWN, syscall.EPROTO, syscall.ENOPROTOOPT, syscall.EHOSTDOWN,
		syscall.ENONET, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ETIMEDOUT:
		return true
	}
	return false
}

// admit lets a connection in, or closes it: there is nothing cheap to say to one that may
// speak any protocol, and whose bytes, left unread, would tear down the answer.
func (f *Front) admit(d *door, conn net.Conn) {
	f.counters.accepted.Add(1)
	if open := f.counters.open.Add(1); f.cfg.MaxConnections > 0 && open > int64(f.cfg.MaxConnections) {
		f.counters.open.Add(-1)
		conn.Close()
		f.counters.overLimit.Add(1)
		if f.notices.overLimit.due() {
			f.cfg.Logger.Warn("too many connections", zap.Int("max", f.cfg.MaxConnections))
		}
		return
	}
	a := &arrival{f: f, door: d, conn: conn}
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		addr := tcp.AddrPort()
		a.from = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	}
	if proxies := d.options.Proxies; proxies != nil {
		if !proxies.Trusts(a.from.Addr()) {
			a.unproven("a stranger on a port of the PROXY protocol", nil)
			return
		}
	} else if !a.identify(a.from) {
		return
	}
	if !f.arrive(conn) {
		a.drop()
		return
	}
	f.running.Add(1)
	go func() {
		defer f.running.Done()
		a.open()
	}()
}

// arrive keeps the connection, so that Shutdown can close it; false where it has begun.
func (f *Front) arrive(conn net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.arriving[conn] = struct{}{}
	return true
}

// arrived ends that.
func (f *Front) arrived(conn net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.arriving, conn)
}
