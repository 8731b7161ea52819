package replay

import "fmt"

// maxIgnored bounds the paths of Rules.
const maxIgnored = 100

// Error refuses something that an operator wrote.
type Error struct {
	Value string // what was written
	Msg   string // what is wrong with it
	Hint  string // what to write instead
}

// Error is all of it in one line.
func (e *Error) Error() string { return fmt.Sprintf("%q %s; %s", e.Value, e.Msg, e.Hint) }

// Rules say which differences matter. The zero value ignores nothing, and compares of
// the headers Content-Type alone.
type Rules struct {
	// Ignore are the parts of JSON bodies that may differ.
	Ignore []Path
	// Headers of an answer matter beside Content-Type; spelt as http.Header has them.
	Headers []string
}

// ParseRules makes rules of what an operator wrote: paths as ParsePath takes them, and
// header names in any case. It refuses with an *Error.
func ParseRules(ignore, headers []string) (Rules, error) {
	if len(ignore) > maxIgnored {
		return Rules{}, &Error{Value: fmt.Sprint(len(ignore)), Msg: "are too many paths", Hint: fmt.Sprintf("write at most %d", maxIgnored)}
	}
	var rules Rules
	for _, text := range ignore {
		path, err := ParsePath(text)
		if err != nil {
			return Rules{}, err
		}
		rules.Ignore = append(rules.Ignore, path)
	}
	var err error
	rules.Headers, err = canonicalNames(headers, CheckHeader)
	return rules, err
}
