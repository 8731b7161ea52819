package gateway_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/gateway"
	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/sdk/manifest"
	"github.com/segue-run/segue/sdk/wire"
)

// peer is a module's end of a link, in the hands of a test.
type peer struct {
	*served
	conn *net.UnixConn
}

func connect(t *testing.T, resolver gateway.Resolver, may manifest.Permissions) *peer {
	t.Helper()
	host, theirs := linkPair(t)
	defer theirs.Close()
	conn, err := net.FileConn(theirs)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{served: &served{t: t, over: make(chan struct{})}, conn: conn.(*net.UnixConn)}
	_ = p.conn.SetDeadline(time.Now().Add(patience))
	p.serve(host, resolver, may, nothing)
	t.Cleanup(func() {
		_ = p.conn.Close()
		p.ended()
		p.cancel()
	})
	return p
}

func (p *peer) send(text string, descriptors ...int) {
	p.t.Helper()
	var control []byte
	if len(descriptors) > 0 {
		control = unix.UnixRights(descriptors...)
	}
	if _, _, err := p.conn.WriteMsgUnix([]byte(text), control, nil); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) ask(req wire.LinkRequest) {
	p.t.Helper()
	text, err := json.Marshal(req)
	if err != nil {
		p.t.Fatal(err)
	}
	p.send(string(text))
}

// answer is the next one, and whether a descriptor came with it.
func (p *peer) answer() (wire.LinkAnswer, bool) {
	p.t.Helper()
	text, control := make([]byte, wire.MaxLinkMessage), make([]byte, 64)
	n, controls, _, _, err := p.conn.ReadMsgUnix(text, control)
	if err != nil {
		p.t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:controls])
	if err != nil {
		p.t.Fatal(err)
	}
	for _, m := range messages {
		fds, _ := unix.ParseUnixRights(&m)
		for _, fd := range fds {
			unix.Close(fd)
		}
	}
	var a wire.LinkAnswer
	if err := json.Unmarshal(text[:n], &a); err != nil {
		p.t.Fatal(err)
	}
	return a, len(messages) > 0
}

// closed waits for the host to close the link, whatever it says before.
func (p *peer) closed() {
	p.t.Helper()
	for {
		_, err := p.conn.Read(make([]byte, wire.MaxLinkMessage))
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
			return
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
}

func TestALinkIsClosedWhereItsRulesAreBroken(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fd := int(null.Fd())
	stuck := full(t)
	request := `{"id":1,"do":"dial","network":"tcp","address":"` + stuck + `"}`
	before := openFiles(t)
	for name, break_ := range map[string]func(p *peer){
		"no JSON":                        func(p *peer) { p.send("dial") },
		"another type":                   func(p *peer) { p.send(`{"id":"one"}`) },
		"an unknown word":                func(p *peer) { p.send(`{"id":1,"do":"listen in"}`) },
		"too long":                       func(p *peer) { p.send(`{"id":1,"do":"dial"}` + strings.Repeat(" ", wire.MaxLinkMessage)) },
		"a descriptor":                   func(p *peer) { p.send(request, fd) },
		"many descriptors":               func(p *peer) { p.send(request, fd, fd, fd, fd, fd) },
		"a listener that is none":        func(p *peer) { p.send(string(launch.NotifyByte), fd) },
		"two listeners":                  func(p *peer) { p.send(string(launch.NotifyByte), fd, fd) },
		"a listener without descriptor":  func(p *peer) { p.send(string(launch.NotifyByte)) },
		"a listener behind a request":    func(p *peer) { p.send(request); p.send(string(launch.NotifyByte), fd) },
		"a number that is used already":  func(p *peer) { p.send(request); p.send(request) },
		"an empty message with a socket": func(p *peer) { p.send("", fd) },
	} {
		t.Run(name, func(t *testing.T) {
			p := connect(t, &book{}, peers(stuck))
			break_(p)
			p.closed()
			p.ended()
		})
	}
	closes(t, before)
}

func TestAGrantIsOfTheNameThatIsAskedFor(t *testing.T) {
	_, port, _ := net.SplitHostPort(echo(t, "127.0.0.1:0").Addr().String())
	names := &book{names: map[string]string{
		"api.example.test": "127.0.0.1", "localhost": "127.0.0.1", "evil.example": "127.0.0.1", "meta.test": "169.254.169.254", "mapped.test": "::ffff:127.0.0.2",
		"a.wild.test": "127.0.0.1", "wild.test": "127.0.0.1",
	}}
	may := peers("api.example.test:"+port, "127.0.0.1:"+port, "localhost:"+port, "meta.test:80", "mapped.test:"+port, "*.wild.test:"+port)
	p := connect(t, names, may)
	for address, want := range map[string]string{
		"api.example.test:" + port:       "",
		"API.Example.TEST.:" + port:      "",
		"localhost:" + port:              "",
		"127.0.0.1:" + port:              "",
		"[::ffff:127.0.0.1]:" + port:     "",
		"a.wild.test:" + port:            "",
		"wild.test:" + port:              "is not granted",
		"api.example.test:1":             "is not granted",
		"api.example.test.evil:" + port:  "is not granted",
		"evil.example:" + port:           "is not granted",
		"127.0.0.2:" + port:              "is not granted",
		"meta.test:80":                   "have to be granted as addresses",
		"mapped.test:" + port:            "have to be granted as addresses",
		"127.1:" + port:                  "in a form that is not read",
		"2130706433:" + port:             "in a form that is not read",
		"0x7f.1:" + port:                 "in a form that is not read",
		"127.0.0.0x1:" + port:            "in a form that is not read",
		"[fe80::1%lo]:" + port:           "zone",
		"api.example.test\x00:" + port:   "character",
		"äpi.example.test:" + port:       "xn--",
		":" + port:                       "names no host",
		"api.example.test":               "no HOST:PORT",
		"api.example.test:70000":         "no port",
		strings.Repeat("a", 254) + ":80": "too long",
	} {
		p.ask(wire.LinkRequest{ID: 1, Do: wire.LinkDial, Network: "tcp", Address: address})
		a, ok := p.answer()
		if want == "" && (!ok || a.Error != "") || want != "" && (ok || !strings.Contains(a.Error, want)) {
			t.Errorf("dial %s: %v %+v, want %q", address, ok, a, want)
		}
		if granted := strings.Contains(want, "granted"); granted != a.Denied {
			t.Errorf("dial %s: %+v", address, a)
		}
	}
	for _, asked := range names.questions() {
		if asked == "evil.example" || asked == "wild.test" {
			t.Errorf("%s was looked up", asked)
		}
	}
	p.ask(wire.LinkRequest{ID: 1, Do: wire.LinkDial, Network: "udp", Address: "127.0.0.1:" + port})
	if a, _ := p.answer(); !strings.Contains(a.Error, "tcp, tcp4 or tcp6") {
		t.Error(a)
	}
	p.ask(wire.LinkRequest{ID: 1, Do: wire.LinkDial, Network: "tcp6", Address: "localhost:" + port})
	if a, _ := p.answer(); !strings.Contains(a.Error, "no address for tcp6") {
		t.Error(a)
	}
}

func TestTheNextAddressIsTriedWhereOneFails(t *testing.T) {
	server := echo(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(server.Addr().String())
	names := &book{names: map[string]string{"localhost": "127.0.0.2 ::1 127.0.0.1"}}
	p := connect(t, names, peers("localhost:"+port))
	p.ask(wire.LinkRequest{ID: 1, Do: wire.LinkDial, Network: "tcp", Address: "localhost:" + port})
	if a, ok := p.answer(); !ok {
		t.Error(a)
	}
	server.Close()
	p.ask(wire.LinkRequest{ID: 1, Do: wire.LinkDial, Network: "tcp", Address: "localhost:" + port})
	if a, ok := p.answer(); ok || a.Errno != uint32(unix.ECONNREFUSED) {
		t.Error(a)
	}
}

func TestARequestThatIsCancelledIsNotAnswered(t *testing.T) {
	server, stuck := echo(t, "127.0.0.1:0").Addr().String(), full(t)
	p := connect(t, &book{}, peers(server, stuck))
	p.ask(wire.LinkRequest{ID: 1, Do: wire.LinkDial, Network: "tcp", Address: stuck})
	p.ask(wire.LinkRequest{ID: 1, Do: wire.LinkCancel})
	p.ask(wire.LinkRequest{ID: 9, Do: wire.LinkCancel}) // nobody's
	p.ask(wire.LinkRequest{ID: 2, Do: wire.LinkDial, Network: "tcp", Address: server})
	if a, ok := p.answer(); a.ID != 2 || !ok {
		t.Error(a)
	}
}

func TestARequestEndsWithTheTimeThatItHas(t *testing.T) {
	stuck := full(t)
	p := connect(t, &book{}, peers(stuck))
	p.ask(wire.LinkRequest{ID: 1, Do: wire.LinkDial, Network: "tcp", Address: stuck, TimeoutMS: 50})
	if a, ok := p.answer(); ok || a.Errno != uint32(unix.ETIMEDOUT) || a.Denied {
		t.Error(a)
	}
}

func TestAFloodOfRequestsIsAnsweredInTurn(t *testing.T) {
	stuck := full(t)
	p := connect(t, &book{}, peers(stuck))
	const n = 300
	go func() {
		for id := range uint64(n) {
			text, _ := json.Marshal(wire.LinkRequest{ID: id, Do: wire.LinkDial, Network: "tcp", Address: stuck, TimeoutMS: 20})
			_, _ = p.conn.Write(text)
		}
	}()
	var answered []uint64
	for range n {
		a, _ := p.answer()
		answered = append(answered, a.ID)
	}
	slices.Sort(answered)
	if answered = slices.Compact(answered); len(answered) != n {
		t.Errorf("%d of %d requests were answered", len(answered), n)
	}
}

func TestALinkWhoseAnswersNobodyReadsEnds(t *testing.T) {
	server := echo(t, "127.0.0.1:0").Addr().String()
	before := openFiles(t)
	p := connect(t, &book{}, peers(server))
	for id := range uint64(50) {
		p.ask(wire.LinkRequest{ID: id, Do: wire.LinkDial, Network: "tcp", Address: server})
	}
	_ = p.conn.Close()
	p.ended()
	closes(t, before)
}

func TestServingALinkEndsWithItsContext(t *testing.T) {
	stuck := full(t)
	p := connect(t, &book{}, peers(stuck))
	p.ask(wire.LinkRequest{ID: 1, Do: wire.LinkDial, Network: "tcp", Address: stuck})
	p.cancel()
	p.closed()
	p.ended()
}

func TestTheLinkIsClosedWhenServingHasEnded(t *testing.T) {
	for range 50 {
		p := connect(t, nil, nothing)
		p.send("this is no request")
		p.ended()
		raw, err := p.conn.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var closed error
		if err := raw.Control(func(fd uintptr) { _, _, closed = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_DONTWAIT) }); err != nil {
			t.Fatal(err)
		}
		if errors.Is(closed, unix.EAGAIN) {
			t.Fatal("it is still open")
		}
	}
}
