package telemetry

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// cleanEncoder makes every line show what is in it, be it from a file's name or from a
// module's error: what would move a terminal's cursor, end the line or turn the text
// around is written as \x1b or \u2028. It looks at whole lines, so nothing that is
// logged gets past it, and a JSON line stays one.
type cleanEncoder struct{ zapcore.Encoder }

// Clone gives an encoder with the same fields.
func (c cleanEncoder) Clone() zapcore.Encoder { return cleanEncoder{c.Encoder.Clone()} }

// EncodeEntry gives the line, which ends with the only line feed in it.
func (c cleanEncoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	line, err := c.Encoder.EncodeEntry(entry, fields)
	if err != nil {
		return nil, err
	}
	text := bytes.TrimSuffix(line.Bytes(), []byte("\n"))
	if isPlain(text) {
		return line, nil
	}
	clean := appendClean(make([]byte, 0, len(text)+64), text)
	line.Reset()
	_, _ = line.Write(append(clean, '\n')) // into memory
	return line, nil
}

// isPlain reports whether text is printable ASCII, as nearly all lines are.
func isPlain(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

func appendClean(out, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '\n':
			out = append(out, `\n`...)
		case r < ' ', r == utf8.RuneError && size == 1:
			// The encoder leaves none of these inside of JSON, which has no \x.
			out = fmt.Appendf(out, `\x%02x`, text[0])
		case !isHidden(r):
			out = append(out, text[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[size:]
	}
	return out
}

// isHidden reports whether a terminal obeys r or shows nothing for it: controls,
// formats such as those that turn the direction, and ends of lines and paragraphs.
func isHidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
