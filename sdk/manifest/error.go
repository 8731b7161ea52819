package manifest

import (
	"errors"
	"strconv"
	"strings"
)

// Error is one thing that is wrong with a manifest or with a value in it: which
// field, what stood there and what to write instead.
type Error struct {
	Field string // "routes[0].path"; empty where the whole document is meant
	Value string // what stood there; may be empty
	Msg   string // what is wrong, lower case
	Hint  string // what to do; may be empty
	Line  int    // 1-based line of the document, 0 where not known
}

// Error is one line: line, field, value, what is wrong and the remedy.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		b.WriteString("line " + strconv.Itoa(e.Line) + ": ")
	}
	if e.Field != "" {
		b.WriteString(e.Field)
		if e.Value != "" {
			b.WriteString(" " + strconv.Quote(clip(e.Value)))
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Problems gives the Errors that err is made of, in the order of the document.
// It is empty where err holds none.
func Problems(err error) []*Error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Error
		for _, one := range joined.Unwrap() {
			all = append(all, Problems(one)...)
		}
		return all
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return []*Error{e}
	}
	return nil
}

// at puts every Error of err below the field prefix.
func at(prefix string, err error) error {
	for _, e := range Problems(err) {
		if e.Field == "" {
			e.Field = prefix
		} else {
			e.Field = prefix + "." + e.Field
		}
	}
	return err
}

// clip keeps an error short, whatever the document holds.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
