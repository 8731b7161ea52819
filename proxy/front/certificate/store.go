package certificate

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Config says where certificates are.
type Config struct {
	// Pairs are the certificates. The first is for clients that name no host, or one that
	// none is for. Of several for one host a client gets the first that it can use.
	Pairs []Pair
	// Other, if not nil, is asked for a host that none is for, and for what is not meant for
	// users (TLS-ALPN-01).
	Other  func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Logger *zap.Logger // default: none
}

// Pair is a certificate with its key, in PEM.
type Pair struct {
	Certificate string // path; the chain, the host's own certificate first
	Key         string // path
}

// checkEvery is how often the files are looked at, at most.
const checkEvery = time.Second

// Store serves certificates. It is used from many goroutines at once.
type Store struct {
	cfg     Config
	current atomic.Pointer[set]
	checked atomic.Int64 // when the files were last looked at, in nanoseconds

	mu     sync.Mutex // held while the files are looked at
	seen   []stamp    // what they were when they were last read
	young  bool       // they may have changed since, and look the same
	broken string     // what was wrong with them then, if anything
}

// set is all certificates at one moment.
type set struct {
	all    []*tls.Certificate
	byName map[string][]*tls.Certificate // exact names, and "*.example.com", in lower case
}

// Open reads the files. All must be whole: an error names the first that is not. A Store
// without files has only Config.Other.
func Open(cfg Config) (*Store, error) {
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	s := &Store{cfg: cfg}
	s.seen, s.young = stamps(cfg.Pairs)
	certificates, err := load(cfg.Pairs)
	if err != nil {
		return nil, err
	}
	s.take(certificates)
	s.checked.Store(time.Now().UnixNano())
	return s, nil
}

// errNone refuses a handshake.
var errNone = errors.New("no certificate for this host")

// Get gives the certificate for a handshake; it is a tls.Config's GetCertificate. It reads
// files, at most once a second, and blocks otherwise only where Config.Other does.
func (s *Store) Get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.check(time.Now())
	if s.cfg.Other != nil && slices.Contains(hello.SupportedProtos, "acme-tls/1") {
		return s.cfg.Other(hello)
	}
	now := s.current.Load()
	if c := now.find(hello); c != nil {
		return c, nil
	}
	if s.cfg.Other != nil && hello.ServerName != "" {
		return s.cfg.Other(hello)
	}
	if len(now.all) == 0 {
		return nil, errNone
	}
	return usable(now.all, hello), nil
}

// find gives a certificate for the host that the client names, or nil.
func (s *set) find(hello *tls.ClientHelloInfo) *tls.Certificate {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if name == "" {
		return nil
	}
	if exact := s.byName[name]; len(exact) > 0 {
		return usable(exact, hello)
	}
	if dot := strings.IndexByte(name, '.'); dot > 0 {
		if wild := s.byName["*"+name[dot:]]; len(wild) > 0 {
			return usable(wild, hello)
		}
	}
	return nil
}

// usable is the first certificate that the client can use, or the first of all: the
// handshake then says what is missing.
func usable(of []*tls.Certificate, hello *tls.ClientHelloInfo) *tls.Certificate {
	if len(of) > 1 {
		// Only keys and curves count here: the names are settled.
		nameless := *hello
		nameless.ServerName = ""
		for _, c := range of {
			if nameless.SupportsCertificate(c) == nil {
				return c
			}
		}
	}
	return of[0]
}

// check takes over files that have changed.
func (s *Store) check(now time.Time) {
	last := s.checked.Load()
	if now.UnixNano()-last < int64(checkEvery) || !s.checked.CompareAndSwap(last, now.UnixNano()) || !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	seen, young := stamps(s.cfg.Pairs)
	changed := !slices.Equal(seen, s.seen)
	if !changed && !s.young {
		return
	}
	s.seen, s.young = seen, young
	certificates, err := load(s.cfg.Pairs)
	if err != nil {
		if s.broken != err.Error() {
			s.cfg.Logger.Error("new certificate not taken, the old one stays", zap.Error(err),
				zap.String("hint", "put a whole PEM chain and the key of it in place; the files are read again by themselves"))
		}
		s.broken = err.Error()
		return
	}
	s.broken = ""
	if changed {
		s.take(certificates)
		s.cfg.Logger.Info("certificates read again", zap.Int("count", len(certificates.all)))
	} else {
		s.current.Store(certificates)
	}
}

// take serves certificates from now on. One that has expired is served too: that is for
// clients to judge, and for the operator to read of.
func (s *Store) take(certificates *set) {
	s.current.Store(certificates)
	for i, c := range certificates.all {
		if time.Now().After(c.Leaf.NotAfter) {
			s.cfg.Logger.Warn("certificate has expired", zap.String("file", s.cfg.Pairs[i].Certificate), zap.Time("expired", c.Leaf.NotAfter))
		}
	}
}
