package e2e_test

import (
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
)

// world is what a module that gets out could reach: files, sockets and secrets that
// belong to others, and in which nothing is lost.
type world struct {
	t       *testing.T
	outside string
	short   string // a folder with a short path, for links
	tcp     net.Listener
	udp     *net.UDPConn
	name    string // of the abstract socket
	reached atomic.Int64
}

const worldSecret = "nobody but the host may know this"

func newWorld(t *testing.T) *world {
	w := &world{t: t, outside: filepath.Join(openFolder(t), "outside"), name: "segue-escape-" + strconv.Itoa(os.Getpid())}
	short, err := os.MkdirTemp("", "w")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(short) })
	must(t, os.Chmod(short, 0o755))
	w.short = short
	must(t, os.Mkdir(w.outside, 0o777))
	must(t, os.Chmod(w.outside, 0o777))
	for name, mode := range map[string]os.FileMode{"secret": 0o644, "scrap": 0o666} {
		must(t, os.WriteFile(filepath.Join(w.outside, name), []byte(worldSecret), mode))
		must(t, os.Chmod(filepath.Join(w.outside, name), mode))
	}
	// What the host itself has been started with.
	t.Setenv("ESCAPE_SECRET", worldSecret)
	f, err := os.Open(filepath.Join(w.outside, "secret"))
	must(t, err)
	t.Cleanup(func() { f.Close() })
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETFD, 0)
	must(t, err)

	w.tcp, err = net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	abstract, err := net.Listen("unix", "@"+w.name)
	must(t, err)
	w.udp, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	var serving sync.WaitGroup
	t.Cleanup(func() {
		w.tcp.Close()
		abstract.Close()
		w.udp.Close()
		serving.Wait()
	})
	for _, l := range []net.Listener{w.tcp, abstract} {
		serving.Go(func() { w.count(l) })
	}
	serving.Go(w.echo)
	return w
}

// openFolder is a temporary folder that everybody can get to, as a machine's own are:
// those of a test are their owner's alone.
func openFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o711))
	return dir
}

func (w *world) count(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		w.reached.Add(1)
		c.Close()
	}
}

func (w *world) echo() {
	b := make([]byte, 1500)
	for {
		n, from, err := w.udp.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		w.reached.Add(1)
		_, _ = w.udp.WriteToUDPAddrPort(b[:n], from)
	}
}

// intact checks that nothing in it was touched.
func (w *world) intact() {
	w.t.Helper()
	var names []string
	must(w.t, filepath.WalkDir(w.outside, func(path string, e fs.DirEntry, err error) error {
		if err == nil && path != w.outside {
			names = append(names, e.Name())
		}
		return err
	}))
	if got := strings.Join(names, " "); got != "scrap secret" {
		w.t.Errorf("outside of every sandbox there are %s", got)
	}
	for _, name := range []string{"secret", "scrap"} {
		got, err := os.ReadFile(filepath.Join(w.outside, name))
		if err != nil || string(got) != worldSecret {
			w.t.Errorf("%s outside of every sandbox is %q, and %v", name, got, err)
		}
	}
}

// targets are the parameters of the attacks on a site where hello and escape run.
func (w *world) targets(s *site) url.Values {
	w.t.Helper()
	sibling, err := s.status("hello")
	must(w.t, err)
	own, err := s.status("escape")
	must(w.t, err)
	// A link each: a path of the state directory may be too long for a socket's address.
	control, admin := sockets(w.t, s.state)
	for name, path := range map[string]*string{"control": &control, "admin": &admin} {
		short := filepath.Join(w.short, name)
		must(w.t, os.Symlink(*path, short))
		*path = short
	}
	data := filepath.Join(s.state, "data", "neighbour")
	must(w.t, os.MkdirAll(data, 0o700))
	must(w.t, os.WriteFile(filepath.Join(data, "secret"), []byte(worldSecret), 0o600))
	return url.Values{
		attack.HostPID: {strconv.Itoa(s.info.PID)}, attack.SiblingPID: {strconv.Itoa(sibling.Stable.PID)},
		attack.State: {s.state}, attack.Artifact: {filepath.Join(s.state, "artifacts", string(own.Stable.Digest))},
		attack.Outside: {w.outside}, attack.Data: {data}, attack.Admin: {s.info.AdminAddr}, attack.AdminSocket: {admin},
		attack.Control: {control}, attack.Abstract: {w.name}, attack.TCP: {w.tcp.Addr().String()}, attack.UDP: {w.udp.LocalAddr().String()},
	}
}

// sockets finds hello's control socket and the admin API's in the state directory.
func sockets(t *testing.T, state string) (control, admin string) {
	t.Helper()
	var all []string
	must(t, filepath.WalkDir(state, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || e.Type() != fs.ModeSocket:
		case strings.Contains(path, "hello"):
			control = path
		case !strings.Contains(path, "escape"):
			admin = path
		}
		if err == nil && e.Type() == fs.ModeSocket {
			all = append(all, path)
		}
		return nil
	}))
	if control == "" || admin == "" {
		t.Fatalf("the sockets in the state directory are %v", all)
	}
	return control, admin
}

// neighbour asks hello all the while; each answer must be its own. The function that it
// returns ends that and says how many there were.
func (w *world) neighbour(s *site) (stop func() int64) {
	done := make(chan struct{})
	var answered atomic.Int64
	var asking sync.WaitGroup
	for range 2 {
		asking.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				got, err := s.ask(client, "GET", "/hello/version", "")
				if err == nil && (got.status != 200 || got.release != "hello@1.0.0") {
					err = fmt.Errorf("%d by %s: %s", got.status, got.release, got.body)
				}
				if err != nil {
					w.t.Errorf("the neighbour was not answered: %v", err)
					return
				}
				answered.Add(1)
				pause()
			}
		})
	}
	var once sync.Once
	stop = func() int64 {
		once.Do(func() { close(done) })
		asking.Wait()
		return answered.Load()
	}
	w.t.Cleanup(func() { stop() })
	return stop
}
