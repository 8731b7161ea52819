package gateway

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/module"
)

// socket answers socket(2). Of the internet families a process gets a deaf socket for
// TCP: connect and bind put one that hears in its place. For UDP it gets one end of a
// pair at whose other end names are answered.
func (s *supervisor) socket(ctx context.Context, t tracee, call notification) outcome {
	domain, kind, protocol := int32(call.args[0]), int32(call.args[1]), int32(call.args[2])
	flags := kind & (unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK)
	granted := s.process.req.Permissions
	switch {
	case domain != unix.AF_INET && domain != unix.AF_INET6:
		return s.deny(t, call)
	case len(granted.Connect) == 0 && len(granted.Listen) == 0:
		s.process.refuseSockets()
		return failed(unix.EACCES)
	case kind&^flags == unix.SOCK_STREAM && (protocol == 0 || protocol == unix.IPPROTO_TCP):
		return s.openDeaf(call, int(domain), int(flags))
	case protocol == unix.IPPROTO_MPTCP:
		return failed(unix.EPROTONOSUPPORT) // Go asks for it first, and takes TCP for this answer
	case kind&^flags == unix.SOCK_DGRAM && (protocol == 0 || protocol == unix.IPPROTO_UDP):
		return s.openResolver(ctx, call, int(flags))
	}
	return s.deny(t, call)
}

// openDeaf gives the process a socket that nothing ever reaches, and that it cannot make
// hear. So it does not matter that bind and listen go on for the sockets of the unix
// family, and that a process can put one socket in another's place while a call is looked
// at: there is no socket that it could gain by that.
func (s *supervisor) openDeaf(call notification, domain, flags int) outcome {
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags&unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if err != nil {
		return failed(errnoFor(err))
	}
	defer unix.Close(fd)
	if err := deafen(fd); err != nil {
		return s.broken(err)
	}
	return s.give(call, fd, flags)
}

// noInterface is the number of a network interface that there never is.
const noInterface = math.MaxInt32

// deafen ties a socket to an interface that does not exist: no packet is for it. It
// takes CAP_NET_RAW to untie it, or to tie it to another.
func deafen(fd int) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, noInterface)
}

func isDeaf(fd int) bool {
	number, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX)
	return err != nil || number == noInterface
}

// give ends a call of socket with a descriptor for the process.
func (s *supervisor) give(call notification, fd, flags int) outcome {
	err := s.notifier.give(call.id, fd, flags&unix.SOCK_CLOEXEC != 0)
	switch {
	case errors.Is(err, unix.EMFILE):
		return failed(unix.EMFILE)
	case err != nil:
		return s.broken(err)
	}
	return outcome{done: true}
}

// target is a socket of a process's with the address that it is to be used with.
type target struct {
	fd       int // its number there
	own      int // a duplicate of ours
	domain   int
	isTCP    bool
	blocking bool
	address  sockaddr
}

func (t target) close() { discard(t.own) }

// target looks at the arguments of connect and bind, once. The caller closes it.
func (t tracee) target(call notification) (target, error) {
	size := int32(call.args[2])
	if size < 0 || size > maxSockaddr {
		return target{}, unix.EINVAL
	}
	raw, err := t.read(call.args[1], int(size))
	if err != nil {
		return target{}, err
	}
	address, err := parseSockaddr(raw)
	if err != nil {
		return target{}, err
	}
	to, err := t.socket(call)
	to.address = address
	return to, err
}

// socket looks at the socket that a call is for. The caller closes it.
func (t tracee) socket(call notification) (target, error) {
	to := target{fd: int(int32(call.args[0]))}
	var err error
	if to.own, err = t.descriptor(to.fd); err != nil {
		return target{}, err
	}
	get := func(option int) (value int) {
		if err == nil {
			value, err = unix.GetsockoptInt(to.own, unix.SOL_SOCKET, option)
		}
		return value
	}
	to.domain = get(unix.SO_DOMAIN)
	to.isTCP = (to.domain == unix.AF_INET || to.domain == unix.AF_INET6) &&
		get(unix.SO_TYPE) == unix.SOCK_STREAM && get(unix.SO_PROTOCOL) == unix.IPPROTO_TCP
	var flags int
	if err == nil {
		flags, err = unix.FcntlInt(uintptr(to.own), unix.F_GETFL, 0)
		to.blocking = flags&unix.O_NONBLOCK == 0
	}
	if err != nil {
		to.close()
		return target{}, err
	}
	return to, nil
}

// connect answers connect(2): it connects a socket of ours and puts it in place.
func (s *supervisor) connect(ctx context.Context, t tracee, call notification) outcome {
	to, err := t.target(call)
	if err != nil {
		return s.broken(err)
	}
	defer to.close()
	switch {
	case s.isResolver(to.own):
		return s.connectDatagram(to.address)
	case to.domain == unix.AF_UNIX:
		return s.connectUnix(to.address)
	case !to.isTCP:
		return s.deny(t, call)
	case to.address.family != to.domain:
		return failed(unix.EAFNOSUPPORT)
	}
	if _, err := unix.Getpeername(to.own); err == nil {
		return failed(unix.EISCONN)
	}
	if at := to.address.host(); !s.process.names.reaches(ctx, at.Addr(), at.Port()) {
		s.process.refuseConnect(at.Addr().String(), at.Port())
		return failed(unix.EACCES)
	}
	return s.replace(t, to, func(own int) error { return connectTo(ctx, own, to.address.kernel()) })
}

// absent are services of the machine that the C library asks by itself, and does without.
var absent = []string{"/var/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve"}

func (s *supervisor) connectUnix(to sockaddr) outcome {
	if slices.Contains(absent, to.path) {
		return failed(unix.ENOENT)
	}
	s.process.denied(module.BySeccomp, "connect "+printable(to.path), "")
	return failed(unix.EACCES)
}

// bind answers bind(2): it binds a socket of ours, where that was granted, and puts it
// in place. The sockets of the unix family bind by themselves, under Landlock.
func (s *supervisor) bind(_ context.Context, t tracee, call notification) outcome {
	to, err := t.target(call)
	if err != nil {
		return s.broken(err)
	}
	defer to.close()
	switch {
	case s.isResolver(to.own):
		return outcome{} // it has no port to choose
	case to.domain == unix.AF_UNIX:
		return outcome{proceed: true}
	case !to.isTCP:
		return s.deny(t, call)
	case to.address.family != to.domain:
		return failed(unix.EAFNOSUPPORT)
	}
	if localAddress(to.own).Port() != 0 {
		return failed(unix.EINVAL) // as the kernel says of one that is bound
	}
	at := to.address.host()
	if at.Port() == 0 && at.Addr().Zone() == "" {
		// Some bind so before they connect, and Go to see whether there is IPv6. It is
		// still deaf, and may not listen.
		return s.replace(t, to, func(own int) error {
			if err := unix.Bind(own, to.address.kernel()); err != nil {
				return err
			}
			return deafen(own)
		})
	}
	if !grant.Listens(s.process.req.Permissions, at) {
		s.process.refuseListen(at)
		return failed(unix.EACCES)
	}
	return s.replace(t, to, func(own int) error {
		// Two releases of a module may listen while one takes over from the other.
		for _, option := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
			if err := unix.SetsockoptInt(own, unix.SOL_SOCKET, option, 1); err != nil {
				return err
			}
		}
		return unix.Bind(own, to.address.kernel())
	})
}

// listen answers listen(2), which sockets of the unix family may do, and those that bind
// has put in place.
func (s *supervisor) listen(_ context.Context, t tracee, call notification) outcome {
	to, err := t.socket(call)
	if err != nil {
		return s.broken(err)
	}
	defer to.close()
	if to.domain == unix.AF_UNIX || to.isTCP && !isDeaf(to.own) {
		return outcome{proceed: true}
	}
	s.process.refuseAnyPort(localAddress(to.own).Addr())
	return failed(unix.EACCES)
}

// localAddress is what a socket is bound to, zero where it is none of TCP.
func localAddress(fd int) netip.AddrPort {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(name.Addr).Unmap(), uint16(name.Port))
	}
	return netip.AddrPort{}
}

// replace makes a socket like the process's, prepares it, and puts it in its place.
func (s *supervisor) replace(t tracee, to target, prepare func(own int) error) outcome {
	own, err := unix.Socket(to.domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if err != nil {
		return failed(errnoFor(err))
	}
	defer func() { discard(own) }()
	copyOptions(own, to.own, to.domain)
	if err := prepare(own); err != nil {
		return failed(errnoFor(err))
	}
	cloexec, err := t.closesOnExec(to.fd)
	if err != nil {
		return s.broken(err)
	}
	if err := unix.SetNonblock(own, !to.blocking); err != nil {
		return s.broken(err)
	}
	if err := s.notifier.replace(t.id, own, to.fd, cloexec); err != nil {
		return s.broken(err)
	}
	return outcome{}
}

// errnoFor is what a call fails with; 0 where there is no error.
func errnoFor(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if errno := errnoOf(err); errno != 0 {
		return syscall.Errno(errno)
	}
	return unix.ECONNABORTED
}
