package gateway_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/sdk/manifest"
)

var nothing manifest.Permissions

func TestAProgramThatConnectsByItselfIsServed(t *testing.T) {
	server := echo(t, "127.0.0.1:0").Addr().String()
	s := run(t, &book{}, peers(server), nothing, "dial "+server, "blocking "+server, "sdk-dial "+server)
	for range 3 {
		if o := s.next(); o.Result != "you said hello\n" {
			t.Error(o)
		}
	}
	if d := s.denied(); len(d) > 0 {
		t.Error("denied:", d)
	}
}

func TestAnAddressOfIPv4InIPv6IsTheOneOfIPv4(t *testing.T) {
	server := echo(t, "127.0.0.1:0").Addr().String()
	_, port, _ := net.SplitHostPort(server)
	s := run(t, &book{}, peers(server), nothing, "dial-mapped "+port)
	if o := s.next(); o.Result != "you said hello\n" {
		t.Error(o)
	}
	s = run(t, &book{}, peers("127.0.0.2:"+port), nothing, "dial-mapped "+port)
	if o := s.next(); o.Errno != int(unix.EACCES) {
		t.Error(o)
	}
}

func TestAProgramFindsGrantedNames(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("for " + r.Host)) }))
	defer web.Close()
	_, port, _ := net.SplitHostPort(web.Listener.Addr().String())
	names := &book{names: map[string]string{
		"api.example.test": "127.0.0.1", "a.wild.test": "10.1.2.3 2001:db8::1", "localhost": "127.0.0.1", "own.test": "127.0.0.1 169.254.169.254 10.1.2.3 ::1 0.0.0.0",
	}}
	may := peers("api.example.test:"+port, "127.0.0.1:"+port, "*.wild.test:443", "own.test:443", "gone.test:1")
	s := run(t, names, may, nothing,
		"get http://api.example.test:"+port, "sdk-get http://API.Example.test.:"+port, "resolve a.wild.test", "resolve own.test", "resolve gone.test", "resolve evil.example")
	for _, host := range []string{"api.example.test:", "API.Example.test.:"} {
		if o := s.next(); o.Result != "for "+host+port {
			t.Error(o)
		}
	}
	if o := s.next(); o.Result != "10.1.2.3 2001:db8::1" {
		t.Error(o)
	}
	// 127.0.0.1 is granted as an address, at whatever port; the others are not.
	if o := s.next(); o.Result != "10.1.2.3 127.0.0.1" {
		t.Error(o)
	}
	for range 2 {
		if o := s.next(); o.Error == "" {
			t.Error(o)
		}
	}
	for _, d := range s.denied() {
		if !strings.HasPrefix(d, "gateway: resolve evil.example") {
			t.Error("denied:", d)
		}
	}
	if !slices.Contains(s.denied(), "gateway: resolve evil.example") {
		t.Error("denied:", s.denied())
	}
	if slices.ContainsFunc(names.questions(), func(q string) bool { return strings.Contains(q, "evil") }) {
		t.Error("the resolver was asked for", names.questions())
	}
}

func TestAGrantOfANameLetsAProgramConnectToItsAddresses(t *testing.T) {
	server := echo(t, "127.0.0.1:0").Addr().String()
	_, port, _ := net.SplitHostPort(server)
	names := &book{names: map[string]string{"localhost": "127.0.0.1", "rebound.test": "127.0.0.1"}}
	s := run(t, names, peers("localhost:"+port), nothing, "dial "+server, "sdk-dial localhost:"+port)
	for range 2 {
		if o := s.next(); o.Result != "you said hello\n" {
			t.Error(o)
		}
	}
	s = run(t, names, peers("rebound.test:"+port), nothing, "dial "+server, "sdk-dial rebound.test:"+port, "dial rebound.test:"+port)
	if o := s.next(); o.Errno != int(unix.EACCES) {
		t.Error(o)
	}
	if o := s.next(); !o.Denied || !strings.Contains(o.Error, "addresses of this machine") {
		t.Error(o)
	}
	if o := s.next(); o.Error == "" {
		t.Error(o)
	}
	if d := s.denied(); !slices.Contains(d, "gateway: connect "+server) || !slices.Contains(d, "gateway: connect rebound.test:"+port) || !slices.Contains(d, "gateway: resolve rebound.test") {
		t.Error("denied:", d)
	}
}

func TestWhatIsNotGrantedFailsAndIsRecorded(t *testing.T) {
	server := echo(t, "127.0.0.1:0").Addr().String()
	for _, c := range []struct {
		deed   string
		errno  unix.Errno
		denial string
	}{
		{"dial " + server, unix.EACCES, "gateway: connect " + server},
		{"dial [::1]:443", unix.EACCES, "gateway: connect [::1]:443"},
		{"listen 127.0.0.1:9", unix.EACCES, "gateway: listen 127.0.0.1:9"},
		{"listen 127.0.0.1:0", unix.EACCES, "gateway: listen 0.0.0.0:0"},
		{"listen [::1]:0", unix.EACCES, "gateway: listen [::]:0"},
		{"autobind", unix.EACCES, "gateway: listen 0.0.0.0:0"},
		{"udp 192.0.2.1:123", unix.EACCES, "seccomp: connect udp 192.0.2.1:123"},
		{"unix /run/there.sock", unix.EACCES, "seccomp: connect /run/there.sock"},
		{"unix @abstract", unix.EACCES, "seccomp: connect @abstract"},
		{"raw", unix.EACCES, "seccomp: socket"},
		{"unshare", unix.EPERM, "seccomp: unshare"},
		{"exec /bin/true", unix.EPERM, "seccomp: execveat /bin/true"},
		{"exec /bin/\x1b[31mred", unix.EPERM, "seccomp: execveat /bin/?[31mred"},
	} {
		s := run(t, &book{}, peers("192.0.2.7:443"), nothing, c.deed)
		if o := s.next(); o.Errno != int(c.errno) {
			t.Error(o)
		}
		if d := s.denied(); !slices.Equal(d, []string{c.denial}) {
			t.Errorf("%s: denied: %q", c.deed, d)
		}
	}
}

func TestAModuleWithoutPermissionsHasNoSockets(t *testing.T) {
	s := run(t, &book{}, nothing, nothing, "dial 192.0.2.1:443", "udp 192.0.2.1:53")
	for range 2 {
		if o := s.next(); o.Errno != int(unix.EACCES) {
			t.Error(o)
		}
	}
	if d := s.denied(); !slices.Contains(d, "gateway: open a network socket") || !strings.Contains(s.hint("open a network socket"), "permissions.connect") {
		t.Error("denied:", d)
	}
}

func TestWhatWasWithheldIsSaidToBe(t *testing.T) {
	asked := manifest.Permissions{Connect: []string{"192.0.2.1:443"}, Exec: []string{"/bin/true"}}
	s := run(t, &book{}, nothing, asked, "dial 192.0.2.1:443", "exec /bin/true", "spawn /bin/true")
	for range 3 {
		s.next()
	}
	for _, what := range []string{"open a network socket", "execveat /bin/true", "start a process (clone)"} {
		if hint := s.hint(what); hint != "its manifest asks for it, and it was withheld: the operator grants it with `segue approve hello grant`, or in segue.yaml, in modules.hello.grants" {
			t.Errorf("%s: the hint is %q", what, hint)
		}
	}
}

func TestProgramsAreSaidToNeedAPermission(t *testing.T) {
	s := run(t, &book{}, nothing, nothing, "spawn /bin/true", "namespace")
	for range 2 {
		if o := s.next(); o.Errno != int(unix.EPERM) {
			t.Error(o)
		}
	}
	if hint := s.hint("start a process (clone)"); hint != "programs have to be asked for in permissions.exec, and granted" {
		t.Errorf("the hint is %q", hint)
	}
	if d := s.denied(); !slices.Contains(d, "seccomp: make a namespace (clone)") || s.hint("make a namespace (clone)") != "" {
		t.Error("denied:", d)
	}
}

func TestADenialSaysWhatWouldAllowIt(t *testing.T) {
	asked := manifest.Permissions{Connect: []string{"192.0.2.1:443"}, Listen: []string{"127.0.0.1:9000"}}
	s := run(t, &book{}, peers("192.0.2.7:443"), asked,
		"dial 192.0.2.1:443", "listen 127.0.0.1:9000", "dial 192.0.2.2:443", "listen :9002", "sdk-dial 192.0.2.1:443", "sdk-listen 127.0.0.1:9001")
	for range 4 {
		s.next()
	}
	if o := s.next(); !o.Denied || !strings.Contains(o.Error, "connect 192.0.2.1:443 is not granted to hello; its manifest asks for it, and it was withheld: the operator grants it with `segue approve hello grant`, or in segue.yaml, in modules.hello.grants") {
		t.Error(o)
	}
	if o := s.next(); !o.Denied || !strings.Contains(o.Error, `"127.0.0.1:9001" in permissions.listen`) {
		t.Error(o)
	}
	for what, hint := range map[string]string{
		"connect 192.0.2.1:443": "withheld", "listen 127.0.0.1:9000": "withheld",
		"connect 192.0.2.2:443": `"192.0.2.2:443" in permissions.connect`,
		"listen [::]:9002":      `":9002" in permissions.listen`,
	} {
		if !strings.Contains(s.hint(what), hint) {
			t.Errorf("%s: the hint is %q", what, s.hint(what))
		}
	}
}

func TestMistakesOfAProgramAreItsOwn(t *testing.T) {
	server := echo(t, "127.0.0.1:0").Addr().String()
	closed := echo(t, "127.0.0.1:0")
	closed.Close()
	s := run(t, &book{}, peers(server, closed.Addr().String()), nothing,
		"bad-memory", "bad-fd", "again "+server, "dial "+closed.Addr().String(), "sdk-dial "+closed.Addr().String())
	for _, errno := range []unix.Errno{unix.EFAULT, unix.EBADF, unix.EISCONN, unix.ECONNREFUSED, unix.ECONNREFUSED} {
		if o := s.next(); o.Errno != int(errno) {
			t.Error(o)
		}
	}
	if d := s.denied(); len(d) > 0 {
		t.Error("denied:", d)
	}
}

func TestASocketKeepsItsOptionsAndFlags(t *testing.T) {
	server := echo(t, "127.0.0.1:0").Addr().String()
	s := run(t, &book{}, peers(server), nothing, "options "+server)
	if o := s.next(); o.Result != "1 1 77 false false 1 1 77 true true" {
		t.Error(o)
	}
}

func TestAModuleListensWhereItMay(t *testing.T) {
	free := echo(t, "127.0.0.1:0")
	address := free.Addr().String()
	free.Close()
	may := manifest.Permissions{Listen: []string{address}}
	for _, deed := range []string{"listen ", "sdk-listen "} {
		// Two at a time, as while one release takes over from another.
		both := []*served{run(t, &book{}, may, nothing, deed+address), run(t, &book{}, may, nothing, deed+address)}
		for _, s := range both {
			if line := s.line(); line != listening {
				t.Fatal(line)
			}
		}
		// Each answers once. A connection to the one that is just closing is lost.
		deadline := time.Now().Add(patience)
		for answers := 0; answers < len(both) && time.Now().Before(deadline); {
			if answer, _ := converse(net.Dial("tcp", address)); answer == "from the module" {
				answers++
			}
		}
		for _, s := range both {
			if o := s.next(); o.Result != "answered" {
				t.Error(o)
			}
		}
	}
}

func TestNoPortIsTakenForASocketThatIsBoundToAny(t *testing.T) {
	server := echo(t, "127.0.0.1:0").Addr().String()
	s := run(t, &book{}, peers(server), nothing, "bind-any", "dial-from "+server)
	if o := s.next(); o.Error != "" || o.Result != "0 0 0" {
		t.Error(o)
	}
	if o := s.next(); o.Result != "you said hello\n" {
		t.Error(o)
	}
	if d := s.denied(); len(d) > 0 {
		t.Error("denied:", d)
	}
}

func TestASocketOfAModulesOwnHearsNothing(t *testing.T) {
	s := run(t, &book{}, peers("192.0.2.1:443"), nothing, "swap")
	if line := s.line(); line != listening {
		t.Fatal(line)
	}
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+s.line(), 300*time.Millisecond)
	if err == nil {
		conn.Close()
		t.Error("it was connected to")
	}
}

func TestAModuleListensOnUnixSocketsByItself(t *testing.T) {
	s := run(t, &book{}, peers("192.0.2.1:443"), nothing, "unix-listen")
	if o := s.next(); o.Result != "bound" {
		t.Error(o)
	}
}

func TestTheCLibrarysOptionOfAResolverIsTaken(t *testing.T) {
	s := run(t, &book{}, peers("192.0.2.1:443"), nothing, "error-queue")
	if o := s.next(); o.Result != "set" {
		t.Error(o)
	}
	if d := s.denied(); len(d) > 0 {
		t.Error("denied:", d)
	}
}

func TestAProgramThatSortsAddressesIsNotAccused(t *testing.T) {
	names := &book{names: map[string]string{"api.example.test": "10.1.2.3 10.1.2.4"}}
	s := run(t, names, peers("api.example.test:443", "192.0.2.0/24:*"), nothing,
		"resolve api.example.test", "resolve api.example.test.corp.internal", "udp 10.1.2.3:443", "udp 192.0.2.1:9", "unix /var/run/nscd/socket")
	for range 5 {
		s.next()
	}
	if d := s.denied(); len(d) > 0 {
		t.Error("denied:", d)
	}
}

func TestServingEndsWithTheProcess(t *testing.T) {
	stuck := full(t)
	before := openFiles(t)
	names := &book{names: map[string]string{"api.example.test": "10.1.2.3"}}
	for _, deed := range []string{"hang", "dial " + stuck, "sdk-dial " + stuck, "datagrams-and-hang"} {
		s := run(t, names, peers(stuck, "api.example.test:443"), nothing, "unshare", deed)
		s.next()
		if err := s.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = s.cmd.Wait()
		s.ended()
	}
	closes(t, before)
}

func TestServingEndsWithItsContext(t *testing.T) {
	stuck := full(t)
	for _, deed := range []string{"hang", "dial " + stuck, "sdk-dial " + stuck, "datagrams-and-hang"} {
		s := run(t, &book{}, peers(stuck), nothing, "unshare", deed)
		s.next()
		s.cancel()
		s.ended()
	}
}

func TestAFloodOfCallsCostsTheModule(t *testing.T) {
	server := echo(t, "127.0.0.1:0").Addr().String()
	flood := run(t, &book{}, peers(server), nothing, "unshare", "flood 3000", "datagrams")
	flood.next()
	neighbour := run(t, &book{}, peers(server), nothing, "dial "+server)
	if o := neighbour.next(); o.Result != "you said hello\n" {
		t.Error(o)
	}
	flood.next()
	if n := len(flood.denied()); n != 3001 {
		t.Errorf("%d calls were recorded", n)
	}
	if o := flood.next(); o.Errno != int(unix.EMFILE) || o.Result != "128" {
		t.Error(o)
	}
}

// openFiles is how many descriptors this process has.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// closes waits until no more descriptors are open than before.
func closes(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(patience); openFiles(t) > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors are open, before there were %d", openFiles(t), before)
		}
	}
}

// full is the address of a listener that takes no more connections: those who connect
// wait.
func full(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*unix.SockaddrInet4).Port}).String()
	for {
		conn, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { conn.Close() })
	}
}
