package instance

import (
	"bytes"
	"sync"
)

// maxLine is how much of one line is kept, in bytes; the rest of it is dropped and
// counted.
const maxLine = 64 << 10

// lines cuts what is written to it into lines and hands each to emit, without its
// end. It never fails, and keeps at most one line of maxLine bytes. The line is
// emit's only until it returns.
type lines struct {
	emit func(line []byte, dropped int)

	mu      sync.Mutex
	partial []byte
	dropped int
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			l.keepLocked(p)
			return n, nil
		}
		if len(l.partial) == 0 && end <= maxLine && l.dropped == 0 {
			l.emit(trimCR(p[:end]), 0)
		} else {
			l.keepLocked(p[:end])
			l.flushLocked()
		}
		p = p[end+1:]
	}
}

// flush emits an unfinished line.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.partial) > 0 {
		l.flushLocked()
	}
}

func (l *lines) keepLocked(p []byte) {
	keep := min(len(p), maxLine-len(l.partial))
	l.partial = append(l.partial, p[:keep]...)
	l.dropped += len(p) - keep
}

func (l *lines) flushLocked() {
	l.emit(trimCR(l.partial), l.dropped)
	l.dropped = 0
	if cap(l.partial) > 4<<10 {
		l.partial = nil // a long line is rare, and fifty instances have four of these each
	}
	l.partial = l.partial[:0]
}

func trimCR(line []byte) []byte { return bytes.TrimSuffix(line, []byte{'\r'}) }
