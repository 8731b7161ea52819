package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/sdk/wire"
)

// listen listens on what a request names, if that is granted.
func (p *process) listen(ctx context.Context, req wire.LinkRequest) (socket, error) {
	host, port, err := parseAddress(req)
	if err != nil {
		return nil, err
	}
	addr, err := localAddr(req.Network, host)
	if err != nil {
		return nil, fmt.Errorf("the address %q: %w", req.Address, err)
	}
	at := netip.AddrPortFrom(addr, port)
	if !grant.Listens(p.req.Permissions, at) {
		return nil, p.refuseListen(at)
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return errors.Join(err, failed)
	}}
	config.SetMultipathTCP(false)
	network, address := exactly(req.Network, host, at)
	var listener *net.TCPListener
	held := make(chan struct{})
	err = p.listeners.bind(ctx, at, held, func() (int, error) {
		made, err := config.Listen(ctx, network, address)
		if err != nil {
			return -1, err
		}
		listener = made.(*net.TCPListener)
		return numberOf(listener)
	})
	if err == nil {
		return passing{listener, held}, nil
	}
	if listener != nil {
		_ = listener.Close()
	}
	if err == unix.EADDRINUSE {
		err = fmt.Errorf("the module listens on %s already: %w", at, err)
	}
	return nil, err
}

// passing is a listener until it is passed on; it is closed once.
type passing struct {
	*net.TCPListener
	held chan struct{}
}

func (p passing) Close() error {
	defer close(p.held)
	return p.TCPListener.Close()
}

// numberOf is the descriptor of a socket, for as long as that is open.
func numberOf(s socket) (fd int, err error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return -1, err
	}
	err = raw.Control(func(number uintptr) { fd = int(number) })
	return fd, err
}

// exactly is how package net is told to listen on what was checked and nothing else.
func exactly(network, host string, at netip.AddrPort) (string, string) {
	switch {
	case host == "":
		return network, hostPort("", at.Port()) // of whichever families the machine has
	case at.Addr().Is4():
		return "tcp4", at.String() // else 0.0.0.0 were every address of IPv6 too
	}
	return "tcp6", at.String()
}

// localAddr is the address to listen on that a host means in a network. Nothing is looked
// up: what is checked is what is listened on.
func localAddr(network, host string) (netip.Addr, error) {
	switch {
	case host == "" && network == "tcp4":
		return netip.IPv4Unspecified(), nil
	case host == "":
		return netip.IPv6Unspecified(), nil
	case host == localhost && network == "tcp6":
		return netip.IPv6Loopback(), nil
	case host == localhost:
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return addr, errors.New("it names no address of this machine; write ADDRESS:PORT")
	case !isOf(network, addr):
		return addr, fmt.Errorf("it is none of %s", network)
	}
	return addr, nil
}
