package goaway

// byteOrderMark may stand before the first event.
const byteOrderMark = "\xef\xbb\xbf"

// lines follows server-sent events. An event ends with a blank line; between two events
// may stand comments, which are lines that begin with a colon.
//
// A carriage return ends a line, but most often it is the first half of the end: it counts
// at once only where one has stood alone before.
type lines struct {
	mark    int  // bytes of the byte order mark that were seen; beyond it where it is over
	started bool // the line has begun
	comment bool // it is a comment
	event   bool // a field has come since the last blank line
	cr      bool // the last byte was a carriage return
	lone    bool // one has stood alone
}

// Follow goes from line to line.
func (l *lines) Follow(part []byte) (border int) {
	for i, b := range part {
		l.next(b)
		if l.AtBorder() {
			border = i + 1
		}
	}
	return border
}

func (l *lines) next(b byte) {
	if l.mark < len(byteOrderMark) {
		if b == byteOrderMark[l.mark] {
			l.mark++
			return
		}
		l.started, l.event = l.mark > 0, l.mark > 0 // it was none, but the beginning of a field
		l.mark = len(byteOrderMark)
	}
	if l.cr {
		l.cr = false
		if b == '\n' {
			return
		}
		l.lone = true
	}
	switch b {
	case '\r', '\n':
		l.cr = b == '\r'
		if !l.started {
			l.event = false
		}
		l.started, l.comment = false, false
	default:
		if !l.started {
			l.started, l.comment = true, b == ':'
			l.event = l.event || !l.comment
		}
	}
}

// AtBorder says that no line and no event is under way.
func (l *lines) AtBorder() bool {
	begun := l.mark > 0 && l.mark < len(byteOrderMark)
	return !begun && !l.started && !l.event && (!l.cr || l.lone)
}

// Closed is false: the end of the body is the only farewell.
func (l *lines) Closed() bool { return false }

// Farewell is empty.
func (l *lines) Farewell() []byte { return nil }
