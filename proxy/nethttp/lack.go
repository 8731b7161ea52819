package nethttp

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// lackEvery is how often the log says that the host lacks something.
const lackEvery = 5 * time.Second

// seldom says when it is time again. Its zero value is ready.
type seldom struct{ last atomic.Int64 } // nanoseconds since 1970

// due reports whether d has passed since it last did.
func (s *seldom) due(d time.Duration) bool {
	now, last := time.Now().UnixNano(), s.last.Load()
	return now-last >= int64(d) && s.last.CompareAndSwap(last, now)
}

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
