package instance

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// linesPerSecond, where no quota says how many, and bytesPerSecond are how much of one
// instance's words reaches the log in a second. The lines beyond either are counted and
// dropped, so that a module cannot fill the operator's disk.
const (
	linesPerSecond = 1000
	bytesPerSecond = 1 << 20
)

// The streams that a module's lines come on.
const (
	stdout = "stdout"
	stderr = "stderr"
)

// moduleLog puts what a module writes into the runtime's log, each line at its own
// level, and remembers the end of it.
type moduleLog struct {
	log  *zap.Logger
	most int // lines a second
	// excess is told how many more there were, twice a second at most. It does not block.
	excess func(lines int)

	mu      sync.Mutex
	tail    tail
	panics  bool // standard error shows a stack trace
	second  int64
	count   int // lines in this second
	size    int // their bytes
	dropped int // of this second
	untold  int // of those that were dropped, those that excess was not told of
}

// stream is a writer for one stream. The caller flushes it at the end.
func (m *moduleLog) stream(name string) *lines {
	return &lines{emit: func(line []byte, dropped int) { m.line(name, line, dropped) }}
}

// line takes one line. It blocks for as long as the log does, which is how a module
// that writes faster than the log is slowed down.
func (m *moduleLog) line(stream string, line []byte, dropped int) {
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	if excess := m.write(stream, line, dropped); excess > 0 {
		m.excess(excess)
	}
}

// write gives the number of dropped lines that there are to tell of.
func (m *moduleLog) write(stream string, line []byte, dropped int) (excess int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tail.add(line)
	admitted := m.admitLocked(time.Now(), len(line))
	if !admitted {
		m.untold++
	}
	if m.dropped <= 1 { // the first of this second, or what is left of one before
		excess, m.untold = m.untold, 0
	}
	if !admitted {
		return excess
	}
	level, text, fields := m.readLocked(stream, line)
	entry := m.log.Check(level, printable(text))
	if entry == nil {
		return excess
	}
	out := append(make([]zap.Field, 0, 3), zap.String("stream", stream))
	if len(fields) > 0 {
		out = append(out, zap.Any("fields", fields))
	}
	if dropped > 0 {
		out = append(out, zap.Int("dropped_bytes", dropped))
	}
	entry.Write(out...)
	return excess
}

// admitLocked counts by the second.
func (m *moduleLog) admitLocked(now time.Time, size int) bool {
	if second := now.Unix(); second != m.second {
		m.reportLocked()
		m.second, m.count, m.size = second, 0, 0
	}
	m.count++
	m.size += size
	if m.count > m.most || m.size > bytesPerSecond {
		m.dropped++
		return false
	}
	return true
}

func (m *moduleLog) reportLocked() {
	if m.dropped > 0 {
		m.log.Warn("a module writes too much; lines were dropped", zap.Int("lines", m.dropped))
		m.dropped = 0
	}
}

// close tells of what was dropped last.
func (m *moduleLog) close() {
	m.mu.Lock()
	m.reportLocked()
	excess := m.untold
	m.untold = 0
	m.mu.Unlock()
	if excess > 0 {
		m.excess(excess)
	}
}

// lastLines is the end of what the module wrote, oldest line first.
func (m *moduleLog) lastLines() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tail.lines()
}

// readLocked finds the level, the text and the fields of a line: of a JSON object
// as hclog, slog and zap write it, else by a prefix such as "[WARN]".
func (m *moduleLog) readLocked(stream string, line []byte) (zapcore.Level, string, map[string]any) {
	if len(line) > 0 && line[0] == '{' {
		if level, text, fields, ok := structured(line); ok {
			return level, text, fields
		}
	}
	text := string(line)
	if name, rest, ok := strings.Cut(strings.TrimPrefix(text, "["), "]"); ok && text[0] == '[' {
		if level, known := levelOf(name); known {
			return level, strings.TrimSpace(rest), nil
		}
	}
	if stream == stderr && isPanic(text) {
		m.panics = true
	}
	if stream == stderr && m.panics {
		return zapcore.ErrorLevel, text, nil
	}
	return zapcore.InfoLevel, text, nil
}

// structured reads a JSON line. The module's own fields stay in a map apart, so
// that it cannot speak in the host's.
func structured(line []byte) (level zapcore.Level, text string, fields map[string]any, ok bool) {
	if json.Unmarshal(line, &fields) != nil {
		return 0, "", nil, false
	}
	take := func(keys ...string) (string, bool) {
		for _, key := range keys {
			if s, is := fields[key].(string); is {
				delete(fields, key)
				return s, true
			}
		}
		return "", false
	}
	text, ok = take("@message", "msg", "message")
	if !ok {
		return 0, "", nil, false
	}
	level = zapcore.InfoLevel
	if name, given := take("@level", "level"); given {
		level, _ = levelOf(name)
	}
	for _, key := range []string{"@timestamp", "time", "ts"} {
		delete(fields, key) // the log has its own
	}
	return level, text, fields, true
}

func levelOf(name string) (level zapcore.Level, known bool) {
	switch strings.ToLower(name) {
	case "trace", "debug":
		return zapcore.DebugLevel, true
	case "info":
		return zapcore.InfoLevel, true
	case "warn", "warning":
		return zapcore.WarnLevel, true
	case "error", "err", "fatal", "panic", "dpanic":
		return zapcore.ErrorLevel, true
	}
	return zapcore.InfoLevel, false
}

// printable is text without what could drive a terminal or forge a line.
func printable(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, isControl) {
		return text
	}
	return strings.TrimSuffix(strings.TrimPrefix(strconv.Quote(text), `"`), `"`)
}

func isControl(r rune) bool { return r != '\t' && unicode.IsControl(r) }
