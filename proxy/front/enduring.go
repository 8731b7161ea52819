package front

import (
	"net"

	"github.com/segue-run/segue/proxy"
)

// enduring is a listener that a lack of memory does not end: net/http tries again
// after errors that are temporary, as a lack of descriptors is by itself.
type enduring struct{ net.Listener }

func (l enduring) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil && proxy.HostLacks(err) {
		return nil, temporary{err}
	}
	return conn, err
}

// temporary is a net.Error that passes.
type temporary struct{ error }

func (e temporary) Unwrap() error { return e.error }
func (temporary) Timeout() bool   { return false }
func (temporary) Temporary() bool { return true }
