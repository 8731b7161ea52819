package manifest

import (
	"fmt"
	"strings"
)

// Route is a set of requests: those for Host (any, when empty) whose path is Path
// or lies below it, on segment borders.
type Route struct {
	Host string `yaml:"host,omitempty" json:"host,omitempty"`
	Path string `yaml:"path" json:"path"`
}

// String is "example.com/billing", or "/billing" for any host.
func (r Route) String() string { return r.Host + r.Path }

const (
	maxRoutes = 256
	maxPath   = 512
	maxHost   = 253
	maxLabel  = 63
)

// checkRoutes normalises the routes in place.
func checkRoutes(routes []Route) []error {
	switch {
	case len(routes) == 0:
		return []error{&Error{Field: "routes", Msg: "is missing", Hint: "list at least one route, such as `- path: /hello`"}}
	case len(routes) > maxRoutes:
		return []error{&Error{Field: "routes", Value: fmt.Sprint(len(routes)), Msg: "are too many", Hint: fmt.Sprintf("list at most %d", maxRoutes)}}
	}
	var wrong []error
	seen := make(map[Route]int, len(routes))
	for i, route := range routes {
		field := fmt.Sprintf("routes[%d]", i)
		if err := CheckHost(route.Host); err != nil {
			wrong = append(wrong, at(field+".host", err))
		}
		path, err := CleanPath(route.Path)
		if err != nil {
			wrong = append(wrong, at(field+".path", err))
			continue
		}
		route.Path = path
		routes[i] = route
		if first, twice := seen[route]; twice {
			wrong = append(wrong, &Error{Field: field, Value: route.String(), Msg: fmt.Sprintf("is the same as routes[%d]", first), Hint: "leave one of them out"})
			continue
		}
		seen[route] = i
	}
	return wrong
}

// CleanPath is path without a trailing slash, or an Error that says what is wrong with it.
func CleanPath(path string) (string, error) {
	wrong := func(msg, hint string) (string, error) {
		return "", &Error{Value: path, Msg: msg, Hint: hint}
	}
	switch {
	case path == "":
		return wrong("is missing", "write the path that the module serves, such as /hello")
	case len(path) > maxPath:
		return wrong("is too long", fmt.Sprintf("write at most %d characters", maxPath))
	case path[0] != '/':
		return wrong("does not begin with '/'", "write /"+strings.TrimLeft(clip(path), "/"))
	case strings.ContainsAny(path, "?#"):
		return wrong("has a query or a fragment", "write the path alone; a route takes every query")
	case strings.ContainsAny(path, "*{}"):
		return wrong("has a wildcard", "write the path alone; a route takes everything below it")
	case strings.Contains(path, "//"):
		return wrong("has an empty segment", "write one '/' between segments")
	}
	for i := range len(path) {
		if !isPathByte(path[i]) {
			return wrong(fmt.Sprintf("has the character %q", path[i]), "a path is made of letters, digits, '/' and -._~!$&'()+,;=:@")
		}
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return wrong("has the segment '"+segment+"'", "write the path that is meant")
		}
	}
	if path == "/" {
		return path, nil
	}
	return strings.TrimSuffix(path, "/"), nil
}

func isPathByte(c byte) bool {
	return isAlphanumeric(c) || c >= 'A' && c <= 'Z' || strings.IndexByte("/-._~!$&'()+,;=:@", c) >= 0
}

func isAlphanumeric(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// CheckHost accepts a lower-case host name, an IPv4 address, or nothing; else it gives an
// Error.
func CheckHost(host string) error {
	wrong := func(msg, hint string) error { return &Error{Value: host, Msg: msg, Hint: hint} }
	switch {
	case host == "":
		return nil
	case len(host) > maxHost:
		return wrong("is too long", fmt.Sprintf("a host name has at most %d characters", maxHost))
	case host != strings.ToLower(host):
		return wrong("has capitals", "write "+strings.ToLower(clip(host)))
	case strings.ContainsAny(host, ":/"):
		return wrong("is more than a host name", "write the name alone, without scheme, port or path")
	case strings.Contains(host, "*"):
		return wrong("has a wildcard", "name each host, or leave host out for all of them")
	}
	for label := range strings.SplitSeq(host, ".") {
		if !isLabel(label) {
			return wrong("is no host name", "write lower-case letters, digits and '-' between single dots, such as api.example.com")
		}
	}
	return nil
}

// isLabel reports whether s is 1 to 63 of a–z, 0–9 and '-', without '-' at the ends.
func isLabel(s string) bool {
	if s == "" || len(s) > maxLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && s[i] != '-' {
			return false
		}
	}
	return true
}
