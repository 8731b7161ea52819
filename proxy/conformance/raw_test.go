package conformance_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/h1/wire"
)

// hangUp, at the end of an answer, is the end of the connection.
const hangUp = "<hang up>"

// rawModule is a module that answers each request with the same bytes, and keeps what it
// gets; of chunks it keeps the data, the last one and the trailers. A request for /probe it answers as one should.
type rawModule struct {
	target *balance.Release
	socket string
	seen   chan balance.Observation
	answer string

	mu       sync.Mutex
	requests strings.Builder
	complete int // requests
}

func newRawModule(t testing.TB, answer string) *rawModule {
	t.Helper()
	m := &rawModule{answer: answer, socket: filepath.Join(t.TempDir(), "s"), seen: make(chan balance.Observation, 100)}
	l, err := net.Listen("unix", m.socket)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	var open sync.Map
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(conn, nil)
			serving.Go(func() {
				defer conn.Close()
				m.serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Range(func(conn, _ any) bool { conn.(net.Conn).Close(); return true })
		serving.Wait()
	})
	m.target = newTarget("1.0.0", m.socket, func(o balance.Observation) {
		select {
		case m.seen <- o:
		default:
		}
	})
	return m
}

// all is every byte that it got, but for probes.
func (m *rawModule) all() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.requests.String()
}

// whole is how many requests came whole.
func (m *rawModule) whole() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.complete
}

// forget forgets what came.
func (m *rawModule) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests.Reset()
	m.complete = 0
}

func (m *rawModule) keep(s string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests.WriteString(s)
}

func (m *rawModule) serve(conn net.Conn) {
	r := bufio.NewReader(conn)
	for {
		head, err := readLines(r)
		if err == nil && strings.Contains(head, " /probe ") {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nprobe")
			continue
		}
		m.keep(head)
		if err != nil || m.readBody(r, head) != nil {
			return
		}
		m.mu.Lock()
		m.complete++
		m.mu.Unlock()
		answer, ends := strings.CutSuffix(m.answer, hangUp)
		io.WriteString(conn, answer)
		if ends {
			_ = conn.(*net.UnixConn).CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
			return
		}
	}
}

// readLines reads up to an empty line.
func readLines(r *bufio.Reader) (string, error) {
	var lines strings.Builder
	for {
		line, err := r.ReadString('\n')
		lines.WriteString(line)
		if err != nil || line == "\r\n" {
			return lines.String(), err
		}
	}
}

func (m *rawModule) readBody(r *bufio.Reader, head string) error {
	head = strings.ToLower(head)
	if _, length, ok := strings.Cut(head, "\ncontent-length: "); ok {
		length, _, _ = strings.Cut(length, "\r\n")
		n, _ := strconv.Atoi(length)
		body := make([]byte, n)
		n, err := io.ReadFull(r, body)
		m.keep(string(body[:n]))
		return err
	}
	for chunked := strings.Contains(head, "\ntransfer-encoding: chunked\r\n"); chunked; {
		line, err := r.ReadString('\n')
		size, _ := strconv.ParseInt(strings.TrimSpace(line), 16, 64)
		if err != nil {
			return err
		}
		if size == 0 {
			trailer, err := readLines(r)
			m.keep(line + trailer)
			return err
		}
		chunk := make([]byte, size+2)
		n, err := io.ReadFull(r, chunk)
		m.keep(string(chunk[:min(n, int(size))]))
		if err != nil {
			return err
		}
	}
	return nil
}

// rawClient reads answers as strictly as can be.
type rawClient struct {
	conn    net.Conn
	methods []string // of the requests that are not answered yet
	buf     []byte   // read, but no part of an answer yet
	got     strings.Builder
	finals  int // answers that were no informational ones
}

// message is an answer.
type message struct {
	wire.Response
	body    string
	trailer []wire.Field
}

// dial opens a connection for requests of those methods; GET where they are not named.
func (h *house) dial(methods string) *rawClient {
	h.t.Helper()
	conn, _ := h.raw()
	return &rawClient{conn: conn, methods: strings.Fields(methods)}
}

// raw is every byte that has come.
func (c *rawClient) raw() string { return c.got.String() }

func (c *rawClient) more() error {
	part := make([]byte, 64<<10)
	n, err := c.conn.Read(part)
	c.got.Write(part[:n])
	c.buf = append(c.buf, part[:n]...)
	if n > 0 {
		return nil
	}
	return err
}

var roomy = &wire.Limits{Bytes: 1 << 20, Fields: 1000, Target: 1 << 20}

// read reads the next answer.
func (c *rawClient) read() (message, error) {
	var m message
	method := "GET"
	if len(c.methods) > 0 {
		method = c.methods[0]
	}
	for {
		n, err := m.Parse(c.buf, method, roomy)
		if err != nil {
			return m, err
		}
		if n > 0 {
			c.buf = c.buf[n:]
			break
		}
		if err := c.more(); err != nil {
			return m, err
		}
	}
	if m.Status >= 200 {
		c.finals++
		c.methods = c.methods[min(1, len(c.methods)):]
	}
	return m, c.readBody(&m)
}

func (c *rawClient) readBody(m *message) error {
	chunks := wire.Chunks{Limits: roomy}
	for {
		switch m.Framing {
		case wire.NoBody:
			return nil
		case wire.Length:
			if int64(len(c.buf)) >= m.Length {
				m.body, c.buf = string(c.buf[:m.Length]), c.buf[m.Length:]
				return nil
			}
		case wire.Chunked:
			data, n, done, err := chunks.Next(c.buf)
			m.body += string(data)
			c.buf = c.buf[n:]
			if done || err != nil {
				m.trailer = chunks.Trailer
				return err
			}
			if n > 0 {
				continue
			}
		}
		err := c.more()
		if m.Framing == wire.UntilClose && errors.Is(err, io.EOF) {
			m.body, c.buf = string(c.buf), nil
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// ends checks that the connection has ended, or that it takes another request.
func (c *rawClient) ends(t *testing.T, want bool, rfc string) {
	t.Helper()
	if want {
		if err := c.more(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) || len(c.buf) > 0 {
			t.Errorf("%s: the connection goes on with %q, %v", rfc, c.buf, err)
		}
		return
	}
	if len(c.buf) > 0 {
		t.Errorf("%s: another answer comes: %q", rfc, c.buf)
		return
	}
	before := c.raw()
	fmt.Fprint(c.conn, "GET /probe HTTP/1.1\r\nHost: x\r\n\r\n")
	m, err := c.read()
	if err != nil || m.Status != 200 || m.body != "probe" {
		t.Errorf("%s: the connection does not go on: %v, %d %q", rfc, err, m.Status, m.body)
	}
	c.got.Reset()
	c.got.WriteString(before)
}

// waitFor waits for a condition.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
