package hook

import (
	"io"
	"strings"
	"unicode"

	"github.com/segue-run/segue/runtime/module"
)

const (
	// maxWords is how much of an answer's words is told, in bytes.
	maxWords = 200
	// maxAnswer is how much of an answer is read, in bytes, and maxHeader of its head.
	maxAnswer = 4 << 10
	maxHeader = 64 << 10
)

// firstLine is the first line of r that says something, or "". It reads a bounded part
// of r, and takes what came before an error.
func firstLine(r io.Reader) string {
	raw, _ := io.ReadAll(io.LimitReader(r, maxAnswer))
	for line := range strings.Lines(string(raw)) {
		if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			return line
		}
	}
	return ""
}

// told is a stranger's text as it may stand in a sentence: one line, printable, short.
func told(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "�"))
	return module.Clip(strings.Join(strings.Fields(text), " "), maxWords-len("…"))
}

// with is what, and the words after a colon where there are any.
func with(what, words string) string {
	if words == "" {
		return what
	}
	return what + ": " + words
}
