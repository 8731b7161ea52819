package front

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/front/proxyproto"
)

// carrier is an engine, or what stands in for one.
type carrier interface{ Serve(*proxy.Conn) }

// arrival is a connection whose engine is not known yet.
type arrival struct {
	f     *Front
	door  *door
	conn  net.Conn
	from  netip.AddrPort // who connected; invalid where it has no such address
	peer  proxy.Peer
	count netip.Addr // whom the connection counts for; invalid for nobody
	early []byte     // what was read
	until time.Time  // when its time with the front is over
}

// identify says whose connection it is; false where that one has too many, and it is
// closed.
func (a *arrival) identify(addr netip.AddrPort) bool {
	f := a.f
	a.peer = proxy.Peer{Addr: addr, Trusted: f.cfg.Trust.Trusts(addr.Addr()), Trusts: f.trusts}
	if a.peer.Trusted {
		return true
	}
	if !f.addresses.Enter(addr.Addr()) {
		f.counters.overAddress.Add(1)
		if f.notices.overAddress.due() {
			f.cfg.Logger.Warn("too many connections of one address", zap.Stringer("address", addr.Addr()), zap.Int("max", f.cfg.MaxPerAddress))
		}
		a.drop()
		return false
	}
	a.count = addr.Addr()
	return true
}

// leave takes back what was counted.
func (a *arrival) leave() {
	a.f.addresses.Leave(a.count)
	a.f.counters.open.Add(-1)
}

// drop closes the connection.
func (a *arrival) drop() {
	a.conn.Close()
	a.leave()
}

// open finds out what the connection is, and hands it on.
func (a *arrival) open() {
	a.until = time.Now().Add(a.f.cfg.HeadTimeout)
	a.limit(a.until)
	if a.door.options.Proxies != nil && !a.introduce() {
		a.f.arrived(a.conn)
		return
	}
	var engine carrier
	conn := a.conn
	if a.door.secured != nil {
		conn, engine = a.secure()
	} else {
		engine = a.sniff()
	}
	a.f.arrived(a.conn)
	if engine == nil {
		a.drop()
		return
	}
	a.limit(time.Time{})
	engine.Serve(proxy.NewConn(conn, a.peer, a.early, a.leave))
}

// limit bounds the connection's time with the front. Only TLS writes anything.
func (a *arrival) limit(until time.Time) {
	if a.door.secured != nil {
		_ = a.conn.SetDeadline(until)
	} else {
		_ = a.conn.SetReadDeadline(until)
	}
}

// introduce reads what the PROXY protocol says; false where the connection is closed.
func (a *arrival) introduce() bool {
	for {
		h, n, err := proxyproto.Parse(a.early)
		switch {
		case err != nil:
			a.unproven("the PROXY protocol is broken", err)
			return false
		case n == 0:
			if err := a.more(); err != nil {
				a.unproven("no header of the PROXY protocol", err)
				return false
			}
			continue
		}
		if a.early = a.early[n:]; len(a.early) == 0 {
			a.early = nil
		}
		if !h.Source.IsValid() {
			return a.identify(a.from)
		}
		return a.identify(netip.AddrPortFrom(h.Source.Addr().Unmap(), h.Source.Port()))
	}
}

// unproven closes a connection that the PROXY protocol was to introduce.
func (a *arrival) unproven(why string, err error) {
	a.f.counters.unproven.Add(1)
	if a.f.notices.unproven.due() {
		a.f.cfg.Logger.Warn("connection not introduced", zap.String("reason", why), zap.Stringer("address", a.from.Addr()), zap.Error(err))
	}
	a.drop()
}

// preface is what HTTP/2 begins with in clear text (RFC 9113, 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// sniff tells HTTP/2 from HTTP/1 by its first bytes; nil where none came.
func (a *arrival) sniff() carrier {
	for {
		n := min(len(a.early), len(preface))
		switch {
		case n > 0 && string(a.early[:n]) != preface[:n], a.door.handler != nil && n > 0:
			return a.door.first(a.f.cfg.H1)
		case n == len(preface):
			return a.f.cfg.H2
		}
		if err := a.more(); err != nil {
			a.f.counters.silent.Add(1)
			return nil
		}
	}
}

// first is the door's handler, or else the engine.
func (d *door) first(engine proxy.Engine) carrier {
	if d.handler != nil {
		return d.handler
	}
	return engine
}

// buffers are taken when there is something to read, and not before: many connections
// say nothing for long.
var buffers = sync.Pool{New: func() any { return new([4096]byte) }}

// more waits for bytes, and appends them to early.
func (a *arrival) more() error {
	sys, ok := a.conn.(syscall.Conn)
	if !ok {
		return a.moreOf(a.conn.Read)
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return err
	}
	waited := raw.Read(func(fd uintptr) bool {
		err = a.moreOf(func(p []byte) (int, error) { return readAgain(int(fd), p) })
		return err != syscall.EAGAIN
	})
	if waited != nil {
		return waited
	}
	return err
}

func (a *arrival) moreOf(read func([]byte) (int, error)) error {
	buf := buffers.Get().(*[4096]byte)
	defer buffers.Put(buf)
	n, err := read(buf[:])
	if n > 0 {
		a.early = append(a.early, buf[:n]...)
		return nil
	}
	if err == nil {
		err = io.EOF
	}
	return err
}

// readAgain is read(2) that no signal ends.
func readAgain(fd int, p []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, p)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

// prefixed is a connection of which some was read already.
type prefixed struct {
	net.Conn
	early []byte
}

// Read gives what was read already, and then reads on.
func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.early) > 0 {
		n := copy(b, p.early)
		if p.early = p.early[n:]; len(p.early) == 0 {
			p.early = nil
		}
		return n, nil
	}
	return p.Conn.Read(b)
}

// NetConn is the connection beneath, as a *tls.Conn has one.
func (p *prefixed) NetConn() net.Conn { return p.Conn }

// looksLikeHTTP reports whether bytes begin a request line.
func looksLikeHTTP(early []byte) bool {
	for i, c := range early {
		if c < 'A' || c > 'Z' {
			return i > 0 && c == ' '
		}
	}
	return len(early) > 0
}
