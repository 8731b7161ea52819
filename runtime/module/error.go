package module

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Kind says what sort of failure an error is; it decides the HTTP status and the
// exit code.
type Kind string

// The kinds.
const (
	Invalid     Kind = "invalid"     // the request or the file is wrong
	NotFound    Kind = "not-found"   // no such thing
	Conflict    Kind = "conflict"    // it contradicts what is there
	Denied      Kind = "denied"      // the actor may not
	Quota       Kind = "quota"       // a limit is reached
	Unavailable Kind = "unavailable" // not now; trying again may help
	Timeout     Kind = "timeout"     // it took too long
	Internal    Kind = "internal"    // our fault
)

// Error is a failure that tells the operator which field was wrong, its value and
// what to do.
type Error struct {
	Kind  Kind
	Field string // "routes[0].path"; may be empty
	Value string // what stood there; may be empty
	Msg   string // what is wrong, lower case; may be empty where Err says it
	Hint  string // what to do; may be empty
	Err   error  // the cause; may be nil
}

// Error is one line: field, value, what is wrong, cause and remedy.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Field != "" {
		b.WriteString(e.Field)
		if e.Value != "" {
			fmt.Fprintf(&b, " %q", Clip(e.Value, 120))
		}
	}
	for _, part := range []string{e.Msg, causeText(e.Err)} {
		if part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(part)
	}
	if b.Len() == 0 {
		b.WriteString(string(e.Kind))
	}
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the first Error in err's chain, Internal if there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Errorf makes an error of a kind without a field.
func Errorf(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Msg: err.Error(), Err: quiet{errors.Unwrap(err)}.orNil()}
}

// quiet keeps a cause reachable for errors.Is without printing it twice.
type quiet struct{ error }

func (q quiet) orNil() error {
	if q.error == nil {
		return nil
	}
	return q
}

func (q quiet) Unwrap() error { return q.error }

func causeText(err error) string {
	if err == nil {
		return ""
	}
	if _, ok := err.(quiet); ok {
		return ""
	}
	return err.Error()
}

// Clip is s where it has at most n bytes; else its beginning in at most n bytes, whole
// characters, and "…".
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
