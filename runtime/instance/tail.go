package instance

import (
	"bytes"
	"regexp"
)

const (
	tailLines = 20  // how many lines are remembered
	tailWidth = 500 // how many bytes of each
)

// tail is the end of what a module wrote, and the line with which a Go program
// says why it dies: the stack traces after that would push it out.
type tail struct {
	ring  [tailLines]string
	next  int
	cause string
	since int // lines since cause
}

// A structured line of the SDK's logger is in the runtime's log as what it is, and
// quoted in a sentence it would only be noise.
func (t *tail) add(line []byte) {
	if bytes.HasPrefix(line, []byte(`{"@`)) {
		return
	}
	text := printable(string(line[:min(len(line), tailWidth)]))
	if t.cause == "" && isPanic(text) {
		t.cause, t.since = text, 0
	}
	t.since++
	t.ring[t.next%tailLines] = text
	t.next++
}

// lines is a copy, oldest first.
func (t *tail) lines() []string {
	var out []string
	if t.cause != "" && t.since > tailLines {
		out = append(out, t.cause)
	}
	for i := max(0, t.next-tailLines); i < t.next; i++ {
		out = append(out, t.ring[i%tailLines])
	}
	return out
}

// isPanic reports whether line is how the Go runtime announces the end.
func isPanic(line string) bool { return announcement.MatchString(line) }

var announcement = regexp.MustCompile(`^(panic|fatal error|runtime/cgo|SIG[A-Z]+): `)

// causeOf is the line that says best why a process ended, or "".
func causeOf(lines []string) string {
	for _, line := range lines {
		if isPanic(line) {
			return line
		}
	}
	return ""
}
