package host

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// echo is an upgraded connection to one of the processes.
type echo struct {
	t    *testing.T
	conn net.Conn
	read *bufio.Reader
}

func (c *crewed) upgrade(path string) echo {
	c.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n", path)
	read := bufio.NewReader(conn)
	res, err := http.ReadResponse(read, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		c.t.Fatalf("%v, %+v", err, res)
	}
	return echo{c.t, conn, read}
}

func (e echo) line() string {
	e.t.Helper()
	text, err := e.read.ReadString('\n')
	if err != nil {
		e.t.Fatalf("%q, %v", text, err)
	}
	return text
}

// says checks that the connection still leads to its process.
func (e echo) says(text string) {
	e.t.Helper()
	fmt.Fprintln(e.conn, text)
	if got := e.line(); got != text+"\n" {
		e.t.Errorf("said %q, heard %q", text, got)
	}
}

func TestARolloutDoesNotWaitForConnectionsThatLast(t *testing.T) {
	c := newCrewed(t)
	at := func(version string) {
		t.Helper()
		c.offer(version, policyWith(func(p *policy.Policy) {
			p.Strategy, p.Window, p.Hold = manifest.Instant, new(manifest.Duration(0)), new(manifest.Duration(0))
		}))
		c.await(version+" serves", func(s module.Status) bool {
			return s.Stable.Version == version && s.State == module.Active && s.Rollout.Verdict != module.Pending
		})
		c.all(version)
	}
	polite, stubborn := c.upgrade("/a/upgrade?polite"), c.upgrade("/a/upgrade")
	polite.says("hello")
	at("1.1.0")
	if got := polite.line(); got != "bye\n" {
		t.Errorf("the module was to close it: %q", got)
	}
	polite.conn.Close()
	stubborn.says("still here")
	at("1.2.0")
	stubborn.says("and still")
	if n := c.told(module.InstanceStopped, "a-1-"); n != 0 {
		t.Errorf("the release with the connection was stopped")
	}
	stubborn.conn.Close()
	eventually(t, "it is stopped", func() bool { return c.told(module.InstanceStopped, "a-1-") == 1 })
}
