package sdk

import (
	"context"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"

	"github.com/segue-run/segue/sdk/wire"
)

// Dial connects to address, HOST:PORT, by way of the runtime: it checks that HOST
// was granted, looks the name up, connects, and hands the connection over. The
// network is tcp, tcp4 or tcp6. Dial blocks until ctx ends or the runtime gives up,
// which it does by itself after some seconds.
//
// An error is a *net.OpError. Where the address is not granted, fs.ErrPermission is
// in its chain and its text says what the operator can do; where the system said
// why, so is its syscall.Errno. The connection is the caller's and goes on where
// ctx ends.
func Dial(ctx context.Context, network, address string) (net.Conn, error) {
	file, err := request(ctx, wire.LinkDial, network, address)
	if err != nil {
		return nil, err
	}
	defer file.Close() // FileConn has a duplicate
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, opError(wire.LinkDial, network, address, err)
	}
	return conn, nil
}

// Listen has the runtime listen on address, ADDRESS:PORT, and hand the listener
// over, which is the caller's. Networks and errors are those of Dial. While one
// release takes over from another both may listen on the same address, and the
// kernel gives each connection to either.
func Listen(ctx context.Context, network, address string) (net.Listener, error) {
	file, err := request(ctx, wire.LinkListen, network, address)
	if err != nil {
		return nil, err
	}
	defer file.Close() // FileListener has a duplicate
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, opError(wire.LinkListen, network, address, err)
	}
	return listener, nil
}

// Transport is a copy of http.DefaultTransport that connects through Dial. It is
// the caller's, who makes one and keeps it.
func Transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = Dial
	return t
}

// request asks the runtime for a socket.
func request(ctx context.Context, do, network, address string) (*os.File, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, opError(do, network, address, net.UnknownNetworkError(network))
	}
	address, err := numbered(ctx, network, address)
	if err != nil {
		return nil, opError(do, network, address, err)
	}
	l, err := inheritedLink()
	if err != nil {
		return nil, opError(do, network, address, err)
	}
	file, err := l.ask(ctx, wire.LinkRequest{Do: do, Network: network, Address: address})
	if err != nil {
		return nil, opError(do, network, address, err)
	}
	return file, nil
}

// numbered is address with its port as a number.
func numbered(ctx context.Context, network, address string) (string, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return address, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, network, service)
	if err != nil {
		return address, err
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), nil
}

// hostError is what the runtime answered instead of a socket.
type hostError struct {
	text   string
	denied bool
	errno  syscall.Errno // 0 where the system had no part in it
}

func (e *hostError) Error() string { return e.text }

// Is makes a denial a matter of permission.
func (e *hostError) Is(target error) bool { return e.denied && target == fs.ErrPermission }

// Unwrap gives the system's error, where there was one.
func (e *hostError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}

// Timeout reports whether another attempt may find more time, for net.Error.
func (e *hostError) Timeout() bool { return e.errno != 0 && e.errno.Timeout() }

func opError(do, network, address string, err error) error {
	return &net.OpError{Op: do, Net: network, Addr: asked(address), Err: err}
}

// asked is an address as it was asked for.
type asked string

func (asked) Network() string  { return "tcp" }
func (a asked) String() string { return string(a) }
