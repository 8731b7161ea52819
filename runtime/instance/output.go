package instance

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// afterExit is how long the pipes of an ended process are still read. Its own words
// are all in them by then; only a process that it left behind can keep them open.
const afterExit = 200 * time.Millisecond

// output reads a process's standard output and error to their ends.
type output struct {
	readers [2]*os.File
	wg      sync.WaitGroup
}

// newOutput makes the pipes and starts a goroutine for each. The write ends are
// for the child and the caller's to close.
func newOutput(out, err io.Writer) (o *output, outEnd, errEnd *os.File, failure error) {
	o = &output{}
	ends := [2]*os.File{}
	for n := range ends {
		r, w, e := os.Pipe()
		if e != nil {
			closeAll(append(ends[:n], o.readers[:n]...))
			return nil, nil, nil, fmt.Errorf("make pipe: %w", e)
		}
		o.readers[n], ends[n] = r, w
	}
	for n, w := range []io.Writer{out, err} {
		o.wg.Go(func() { pump(w, o.readers[n]) })
	}
	return o, ends[0], ends[1], nil
}

// drain is called after the process has ended and returns when all that it wrote
// was taken, within twice afterExit: a log that blocks holds up the goroutines, but
// not the caller.
func (o *output) drain() {
	deadline := time.Now().Add(afterExit)
	for _, r := range o.readers {
		_ = r.SetReadDeadline(deadline)
	}
	taken := make(chan struct{})
	go func() {
		o.wg.Wait()
		closeAll(o.readers[:])
		close(taken)
	}()
	select {
	case <-taken:
	case <-time.After(2 * afterExit):
	}
}

func pump(w io.Writer, r *os.File) {
	buf := make([]byte, 4<<10)
	for {
		n, err := r.Read(buf)
		_, _ = w.Write(buf[:n])
		if err != nil {
			return
		}
	}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// handshake passes on the one line of standard output that is for go-plugin.
// go-plugin gets nothing else of what a module writes: its scanner stops for good
// at a line of 64 KiB, and its parser of standard error panics on a message that is
// no string.
type handshake struct {
	line chan []byte
	once sync.Once
	rest []byte
}

const (
	// maxHandshake is far above any true handshake.
	maxHandshake = 4 << 10
	// handshakeFields are core protocol, protocol, network, address, kind.
	handshakeFields = 5
)

func newHandshake() *handshake { return &handshake{line: make(chan []byte, 1)} }

// offer takes the first line that looks like a handshake and reports whether it
// took this one. Lines that a module prints before are not in the way.
func (h *handshake) offer(line []byte, dropped int) (taken bool) {
	if dropped > 0 || len(line) > maxHandshake || len(line) < 2 || line[0] < '0' || line[0] > '9' || line[1] != '|' {
		return false
	}
	// Of a sixth field go-plugin makes a certificate, for a TLS that we do not use
	// and whose absence it does not check.
	if fields := bytes.SplitN(line, []byte("|"), handshakeFields+1); len(fields) > handshakeFields {
		line = bytes.Join(fields[:handshakeFields], []byte("|"))
	}
	h.once.Do(func() {
		h.line <- append(append([]byte(nil), line...), '\n')
		close(h.line)
		taken = true
	})
	return taken
}

// close ends the wait for a line that will not come.
func (h *handshake) close() { h.once.Do(func() { close(h.line) }) }

// Read implements io.Reader for go-plugin's scanner, a single goroutine.
func (h *handshake) Read(p []byte) (int, error) {
	if len(h.rest) == 0 {
		line, ok := <-h.line
		if !ok {
			return 0, io.EOF
		}
		h.rest = line
	}
	n := copy(p, h.rest)
	h.rest = h.rest[n:]
	return n, nil
}

// Close implements io.Closer; the pipe itself is output's.
func (h *handshake) Close() error { return nil }
