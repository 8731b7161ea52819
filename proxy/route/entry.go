package route

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/limit"
)

// Entry gives a module requests: those for Host whose path is Path or lies below it on
// segment borders ("/a" takes "/a", "/a/" and "/a/b", not "/ab"), whose method is one of
// Methods, and that bear Headers. A trailing slash of Path means nothing.
type Entry struct {
	Module string
	// Host is a host, or "*.example.com" for all names with one label or more before
	// example.com, or empty for any.
	Host string
	Path string
	// Methods are all where there are none; GET stands for HEAD too.
	Methods []string
	// Headers have the value that each name must have; an empty one stands for any.
	Headers map[string]string

	// What holds for its requests; see proxy.Route.
	Strip    bool
	Timeouts proxy.Timeouts
	MaxBody  int64
	// Limits are those of the route alone.
	Limits limit.Limits
}

// String is "GET,POST *.example.com/a (x-b: 1, x-c)": methods, host and path, and headers,
// as far as the entry has them.
func (e Entry) String() string {
	var b strings.Builder
	if len(e.Methods) > 0 {
		b.WriteString(strings.Join(e.Methods, ",") + " ")
	}
	b.WriteString(e.Host + e.Path)
	if len(e.Headers) > 0 {
		conditions := make([]string, 0, len(e.Headers))
		for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
			condition := strings.ToLower(name)
			if value := e.Headers[name]; value != "" {
				condition += ": " + value
			}
			conditions = append(conditions, condition)
		}
		b.WriteString(" (" + strings.Join(conditions, ", ") + ")")
	}
	return b.String()
}

// Clean is e in its one spelling: its host as proxy.CleanHost gives it, its path as
// proxy.CleanPath does and without a trailing slash, methods in order, and headers'
// names in canonical form. It refuses what no request can match, and headers that a
// client may not send to a module, or that modules do not get (proxy.Forwards).
func Clean(e Entry) (Entry, error) {
	clean, err := e.clean()
	if err != nil {
		return Entry{}, fmt.Errorf("route %s of module %s: %w", e, e.Module, err)
	}
	return clean, nil
}

func (e Entry) clean() (_ Entry, err error) {
	if e.Module == "" {
		return e, errors.New("module: empty")
	}
	if e.Host, err = cleanHost(e.Host); err != nil {
		return e, err
	}
	if e.Path, err = proxy.CleanPath(e.Path); err != nil {
		return e, err
	}
	if e.Path != "/" {
		e.Path = strings.TrimSuffix(e.Path, "/")
	}
	if e.Methods, err = cleanMethods(e.Methods); err != nil {
		return e, err
	}
	e.Headers, err = cleanHeaders(e.Headers)
	return e, err
}

func cleanHost(pattern string) (string, error) {
	name, wild := strings.CutPrefix(pattern, "*.")
	host, err := proxy.CleanHost(name)
	switch {
	case err != nil:
		return "", err
	case strings.Contains(name[strings.IndexByte(name, ']')+1:], ":"):
		return "", errors.New("host: a route names no port")
	case !wild:
		return host, nil
	case host == "" || isAddress(host):
		return "", errors.New("host: a wildcard stands before a name")
	}
	return "*." + host, nil
}

// isAddress reports whether a host, or the end of one, is part of an address: its last
// label is a number, or it is one of IPv6.
func isAddress(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return strings.Contains(host, ":") || strings.Trim(last, "0123456789") == ""
}

func cleanMethods(methods []string) ([]string, error) {
	for _, m := range methods {
		if !httpguts.ValidHeaderFieldName(m) { // both are tokens
			return nil, fmt.Errorf("method: %q is none", m)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(methods))), nil
}

func cleanHeaders(headers map[string]string) (map[string]string, error) {
	if len(headers) == 0 {
		return nil, nil
	}
	clean := make(map[string]string, len(headers))
	for name, value := range headers {
		canonical := http.CanonicalHeaderKey(name)
		_, twice := clean[canonical]
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			return nil, fmt.Errorf("header: %q is no name", name)
		case !proxy.Forwards(canonical):
			return nil, fmt.Errorf("header: %s is none of the client's own", name)
		case twice:
			return nil, fmt.Errorf("header: %s has two conditions", name)
		case !httpguts.ValidHeaderFieldValue(value) || value != strings.Trim(value, " \t"):
			return nil, fmt.Errorf("header: %q is no value of %s", value, name)
		}
		clean[canonical] = value
	}
	return clean, nil
}

// takes reports whether a request with that method is among the entry's.
func (e *Entry) takes(method string) bool {
	return len(e.Methods) == 0 || slices.Contains(e.Methods, method) ||
		method == http.MethodHead && slices.Contains(e.Methods, http.MethodGet)
}

// exact is how many of its headers must have a value that it names.
func (e *Entry) exact() int {
	n := 0
	for _, value := range e.Headers {
		n += min(1, len(value))
	}
	return n
}

// rank orders entries for one host and path: what is asked first comes first. Entries of
// one rank are told apart by who takes what, or conflict.
func rank(a, b *Entry) int {
	named := func(e *Entry) int { return min(1, len(e.Methods)) }
	return cmp.Or(cmp.Compare(len(b.Headers), len(a.Headers)), cmp.Compare(b.exact(), a.exact()), cmp.Compare(named(b), named(a)))
}

// Conflict reports whether there can be a request that both a and b, which are clean,
// take, and neither goes before the other.
func Conflict(a, b Entry) bool {
	return a.Host == b.Host && a.Path == b.Path && rank(&a, &b) == 0 && meet(a.Headers, b.Headers) &&
		(slices.ContainsFunc(a.Methods, b.takes) || slices.ContainsFunc(b.Methods, a.takes) || len(a.Methods)+len(b.Methods) == 0)
}

// meet reports whether one request can bear both.
func meet(a, b map[string]string) bool {
	for name, value := range a {
		if other := b[name]; other != "" && value != "" && other != value {
			return false
		}
	}
	return true
}

func (e *Entry) equal(o *Entry) bool {
	return e.Module == o.Module && e.Host == o.Host && e.Path == o.Path && slices.Equal(e.Methods, o.Methods) &&
		maps.Equal(e.Headers, o.Headers)
}

// ConflictError is two modules that claim the same requests.
type ConflictError struct {
	A, B Entry // clean, in the order of their modules
}

// Error names both, and what they claim.
func (e *ConflictError) Error() string {
	if one, other := e.A.String(), e.B.String(); one != other {
		return fmt.Sprintf("route %s of module %s and route %s of module %s take the same requests", one, e.A.Module, other, e.B.Module)
	}
	return fmt.Sprintf("route %s is claimed by modules %s and %s", e.A, e.A.Module, e.B.Module)
}
