package front

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/guard"
)

// Front accepts connections.
type Front struct {
	cfg       Config
	addresses *guard.Addresses
	trusts    func(netip.Addr) bool // nil where nobody is trusted
	counters  counters
	notices   struct{ overLimit, overAddress, unproven, lack notice }

	closing context.Context // ends when Shutdown begins
	begin   context.CancelFunc
	running sync.WaitGroup // accept loops, and connections

	mu       sync.Mutex
	closed   bool
	doors    map[*door]struct{}
	arriving map[net.Conn]struct{} // with the front still
}

// New makes a front. It panics if cfg lacks an engine.
func New(cfg Config) *Front {
	cfg = cfg.defaults()
	f := &Front{cfg: cfg, addresses: guard.NewAddresses(cfg.MaxPerAddress), doors: map[*door]struct{}{}, arriving: map[net.Conn]struct{}{}}
	if cfg.Trust != nil {
		f.trusts = cfg.Trust.Trusts
	}
	f.closing, f.begin = context.WithCancel(context.Background())
	return f
}

// Serve is ServeWith in clear text and without options.
func (f *Front) Serve(l net.Listener) error { return f.ServeWith(l, Options{}) }

// ServeWith accepts connections from l, which it owns from here on, until Shutdown; it may
// be called for several listeners. It returns nil as soon as Shutdown begins, and
// otherwise the error that ended accepting; a lack of descriptors or memory, or trouble of
// the network's, does not end it.
func (f *Front) ServeWith(l net.Listener, o Options) error {
	d := &door{listener: l, options: o, secured: o.secured()}
	if o.Handler != nil {
		d.handler = newHandler(o.Handler, f.cfg)
	}
	if !f.add(d) {
		return l.Close()
	}
	defer f.running.Done()
	err := f.accept(d)
	l.Close()
	if d.handler != nil {
		d.handler.close()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.doors, d)
	if f.closed {
		return nil
	}
	return err
}

func (f *Front) add(d *door) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.doors[d] = struct{}{}
	f.running.Add(1)
	return true
}

// Shutdown stops accepting, closes the connections that have not said yet what they are,
// and shuts the engines down; see proxy.Engine. Nothing of the front runs any more when it
// returns.
func (f *Front) Shutdown(ctx context.Context) error {
	f.begin()
	f.mu.Lock()
	f.closed = true
	for d := range f.doors {
		d.listener.Close()
	}
	for conn := range f.arriving {
		conn.Close()
	}
	f.mu.Unlock()
	errs := make(chan error, 1)
	go func() { errs <- f.cfg.H1.Shutdown(ctx) }()
	var h2 error
	if f.cfg.H2 != f.cfg.H1 {
		h2 = f.cfg.H2.Shutdown(ctx)
	}
	err := errors.Join(<-errs, h2)
	f.running.Wait()
	return err
}

// Stats are the sum of the engines' counters.
func (f *Front) Stats() proxy.Stats {
	if f.cfg.H2 == f.cfg.H1 {
		return f.cfg.H1.Stats()
	}
	return f.cfg.H1.Stats().Add(f.cfg.H2.Stats())
}
