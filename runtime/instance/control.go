package instance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/proc"
	"github.com/segue-run/segue/sdk/wire"
)

const (
	// maxAnswer is the largest control message taken from a module, in bytes. A
	// manifest is at most a quarter of it.
	maxAnswer = 1 << 20
	// maxAnswerHeader is the same for its metadata.
	maxAnswerHeader = 64 << 10
	// brokerMethod is go-plugin's stream by which either side asks the other to
	// connect to it. The host has no use for that and does not open it.
	brokerMethod = "/plugin.GRPCBroker/StartStream"
)

// control is the gRPC connection to a module: whom it may reach, what it carries,
// and how it ends.
type control struct {
	nonce string
	proc  *process

	mu     sync.Mutex
	closed bool
	socket *endpoint          // pinned by the handshake
	lack   *module.Error      // why the host could not dial, the last time that it tried
	conns  []*grpc.ClientConn // go-plugin's, by our interceptors: it forgets one whose first call fails
}

// pin checks the address of a handshake and opens the socket there. What a module
// may name is one plain name in its own directory; the path returned is the host's
// for the same socket.
func (c *control) pin(dir *directory, network, address string) (string, error) {
	name, inside := strings.CutPrefix(address, moduleDir+"/")
	if network != "unix" || !inside || name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return "", fmt.Errorf("the handshake names %s %q, which is not in the module's own directory", network, address)
	}
	socket, err := dir.pin(name)
	if err != nil {
		return "", fmt.Errorf("the handshake names %q: %w", address, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.socket != nil {
		socket.close()
		return "", errKilled
	}
	c.socket = socket
	return proc.FD(int(socket.file.Fd())), nil
}

// dial connects to the pinned socket, and only if the process that listens there
// is the one we started: the name could have been a hard link to another's.
func (c *control) dial(ctx context.Context, _ string) (net.Conn, error) {
	c.mu.Lock()
	socket := c.socket
	c.mu.Unlock()
	if socket == nil {
		return nil, errKilled
	}
	conn, err := socket.dial(ctx, c.proc.gone)
	c.remember(err)
	if err != nil {
		return nil, err
	}
	if pid, err := peer(conn); err != nil || pid != c.proc.id() {
		_ = conn.Close()
		return nil, errors.Join(fmt.Errorf("the control socket is served by process %d, not by the module", pid), err)
	}
	return conn, nil
}

// remember keeps what the host itself lacked: of an error gRPC passes on the text alone.
func (c *control) remember(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lack = nil
	if told, ok := errors.AsType[*module.Error](err); ok && told.Kind == module.Quota {
		c.lack = told
	}
}

// lacked is why the host could not dial; nil where it could, or did not try.
func (c *control) lacked() *module.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lack
}

// options make every call on the connection ours: go-plugin's own come first, and
// the later one of two wins.
func (c *control) options() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithContextDialer(c.dial),
		grpc.WithChainUnaryInterceptor(c.unary),
		grpc.WithChainStreamInterceptor(c.stream),
		grpc.WithMaxHeaderListSize(maxAnswerHeader),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
	}
}

func (c *control) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	c.keep(cc)
	return invoke(c.signed(ctx), method, req, reply, cc, opts...)
}

func (c *control) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	c.keep(cc)
	if method == brokerMethod {
		return nil, status.Error(codes.Unimplemented, "the host brokers no connections")
	}
	return open(c.signed(ctx), desc, cc, method, opts...)
}

func (c *control) signed(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, wire.NonceHeader, c.nonce)
}

// keep remembers a connection to close.
func (c *control) keep(cc *grpc.ClientConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, known := range c.conns {
		if known == cc {
			return
		}
	}
	c.conns = append(c.conns, cc)
}

// close ends the connection, and every call on it.
func (c *control) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, cc := range c.conns {
		_ = cc.Close()
	}
	c.conns = nil
	if c.socket != nil {
		c.socket.close()
		c.socket = nil
	}
}

// modulePlugin is our entry in go-plugin's set. Dispensing it gives the connection.
type modulePlugin struct{ plugin.NetRPCUnsupportedPlugin }

var _ plugin.GRPCPlugin = modulePlugin{}

// GRPCServer implements plugin.GRPCPlugin; the host serves none.
func (modulePlugin) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the host is no module")
}

// GRPCClient implements plugin.GRPCPlugin.
func (modulePlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, cc *grpc.ClientConn) (any, error) {
	return cc, nil
}
