package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"
	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/gateway"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
	"github.com/segue-run/segue/sdk/wire"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// served is a process that is served by a gateway.
type served struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	out    *bufio.Reader
	errs   bytes.Buffer
	cancel context.CancelFunc
	over   chan struct{} // closed when Serve has returned

	mu      sync.Mutex
	denials []module.Denial
}

// book is a resolver that knows some names, and remembers what it was asked for.
type book struct {
	names map[string]string // addresses with spaces between

	mu    sync.Mutex
	asked []string
}

func (b *book) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, host)
	found, ok := b.names[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var addrs []netip.Addr
	for _, field := range strings.Fields(found) {
		addrs = append(addrs, netip.MustParseAddr(field))
	}
	return addrs, nil
}

func (b *book) questions() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

// peers are permissions to connect.
func peers(entries ...string) manifest.Permissions { return manifest.Permissions{Connect: entries} }

// run starts a module under its filter that does the deeds.
func run(t *testing.T, resolver gateway.Resolver, may, withheld manifest.Permissions, deeds ...string) *served {
	t.Helper()
	return start(t, launcher, resolver, may, withheld, deeds...)
}

// start starts a process of a role with the link's other end served.
func start(t *testing.T, role string, resolver gateway.Resolver, may, withheld manifest.Permissions, deeds ...string) *served {
	t.Helper()
	host, theirs := linkPair(t)
	defer theirs.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	s := &served{t: t, over: make(chan struct{})}
	s.cmd = exec.Command("/proc/self/exe", append([]string{"--"}, deeds...)...)
	s.cmd.ExtraFiles = []*os.File{null, null, theirs}
	s.cmd.Env = []string{roleEnv + "=" + role, fmt.Sprintf("%s=%d", wire.EnvLink, wire.LinkFD), "TMPDIR=" + os.TempDir(), "GORACE=atexit_sleep_ms=0"}
	s.cmd.Stderr = &s.errs
	s.stdin, err = s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.out = bufio.NewReader(out)
	s.serve(host, resolver, may, withheld)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cancel()
		s.ended()
	})
	return s
}

// linkPair is a new link.
func linkPair(t *testing.T) (host, theirs *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fds[0]), "link"), os.NewFile(uintptr(fds[1]), "link")
}

func (s *served) serve(link *os.File, resolver gateway.Resolver, may, withheld manifest.Permissions) {
	cfg := gateway.Config{Logger: zaptest.NewLogger(s.t), Resolver: resolver}
	if at, ok := resolver.(site); ok {
		cfg.Interfaces = at.interfaces
	}
	g := gateway.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() {
		defer close(s.over)
		g.Serve(ctx, link, gateway.Request{
			Release:     module.Release{Module: "hello", Version: "1.0.0"},
			Permissions: may, Withheld: withheld, Denied: s.deny,
		})
	}()
}

func (s *served) deny(d module.Denial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denials = append(s.denials, d)
}

// denied are the denials so far, as "layer: what".
func (s *served) denied() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, d := range s.denials {
		all = append(all, d.By+": "+d.What)
	}
	return all
}

// hint is that of the denial of what.
func (s *served) hint(what string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.denials {
		if d.What == what {
			return d.Hint
		}
	}
	return ""
}

// line is the next that the process prints.
func (s *served) line() string {
	s.t.Helper()
	line, err := s.out.ReadString('\n')
	if err != nil {
		_ = s.cmd.Wait()
		s.t.Fatalf("read what the module prints: %v\n%s", err, s.errs.String())
	}
	return strings.TrimSuffix(line, "\n")
}

// next is the outcome of the next deed.
func (s *served) next() outcome {
	s.t.Helper()
	var o outcome
	if err := json.Unmarshal([]byte(s.line()), &o); err != nil {
		s.t.Fatal(err)
	}
	return o
}

// ended waits for Serve to return.
func (s *served) ended() {
	s.t.Helper()
	select {
	case <-s.over:
	case <-time.After(patience):
		s.t.Error("the process is still served")
	}
}

// echo is a server that says who connected, after one line.
func echo(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				line, _ := bufio.NewReader(conn).ReadString('\n')
				_, _ = io.WriteString(conn, "you said "+line)
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l
}
