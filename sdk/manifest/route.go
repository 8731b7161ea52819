package manifest

import (
	"errors"
	"fmt"
	"strings"
)

// Route is a set of requests: those for Host whose path is Path or lies below it, on
// segment borders, with one of Methods and all of Headers; and what holds for them. Of
// several routes that take a request, the one that says more of it decides: by host, then
// by path, by headers and by methods; of two that say as much, the one that the manifest
// names first. A Route can be compared.
type Route struct {
	// Host is a host name or address, "*.example.com" for all names below example.com, or
	// empty for any.
	Host string `yaml:"host,omitempty" json:"host,omitempty"`
	Path string `yaml:"path" json:"path"`
	// Methods are all where none is named; GET stands for HEAD too.
	Methods Methods `yaml:"methods,omitempty" json:"methods,omitzero"`
	Headers Headers `yaml:"headers,omitempty" json:"headers,omitzero"`
	// Strip says that the module gets paths without Path; X-Forwarded-Prefix tells it what
	// is missing.
	Strip    bool     `yaml:"strip,omitempty" json:"strip,omitempty"`
	Timeouts Timeouts `yaml:"timeouts,omitempty" json:"timeouts,omitzero"`
	// MaxBody is how many bytes a request's body may have.
	MaxBody Size   `yaml:"max_body,omitempty" json:"max_body,omitzero"`
	Limits  Limits `yaml:"limits,omitempty" json:"limits,omitzero"`
}

// String is "GET,POST *.example.com/a (x-b: 1, x-c)": methods, host and path, and headers,
// as far as the route has them.
func (r Route) String() string {
	var b strings.Builder
	if r.Methods != "" {
		b.WriteString(string(r.Methods) + " ")
	}
	b.WriteString(r.Host + r.Path)
	if r.Headers != "" {
		b.WriteString(" (" + r.Headers.String() + ")")
	}
	return b.String()
}

// taken is the requests of a route, without what holds for them.
func (r Route) taken() Route {
	return Route{Host: r.Host, Path: r.Path, Methods: r.Methods, Headers: r.Headers}
}

const (
	maxRoutes = 256
	// maxVariants bounds the routes of one host and path: each is looked at with every
	// request.
	maxVariants = 32
	maxPath     = 512
	maxHost     = 253
	maxLabel    = 63
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
	seen, variants := make(map[Route]int, len(routes)), make(map[[2]string]int, len(routes))
	for i, route := range routes {
		field := fmt.Sprintf("routes[%d]", i)
		if err := CheckRouteHost(route.Host); err != nil {
			wrong = append(wrong, at(field+".host", err))
		}
		wrong = append(wrong, at(field, route.checkWhatHolds()))
		path, err := CleanPath(route.Path)
		if err != nil {
			wrong = append(wrong, at(field+".path", err))
			continue
		}
		route.Path = path
		routes[i] = route
		if first, twice := seen[route.taken()]; twice {
			wrong = append(wrong, &Error{Field: field, Value: route.String(), Msg: fmt.Sprintf("is the same as routes[%d]", first), Hint: "leave one of them out"})
			continue
		}
		seen[route.taken()] = i
		address := [2]string{route.Host, route.Path}
		if variants[address]++; variants[address] == maxVariants+1 {
			wrong = append(wrong, &Error{Field: field, Value: route.String(), Msg: "is one too many of this host and path",
				Hint: fmt.Sprintf("list at most %d, and tell the others apart in the module", maxVariants)})
		}
	}
	return wrong
}

// checkWhatHolds checks the fields beside those that say which requests the route takes.
func (r Route) checkWhatHolds() error {
	return errors.Join(at("timeouts", r.Timeouts.validate()), checkBody(r.MaxBody), at("limits", r.Limits.Validate()))
}

const maxBody = Size(1 << 50)

func checkBody(most Size) error {
	if most > maxBody {
		return &Error{Field: "max_body", Value: most.String(), Msg: "is out of bounds", Hint: "write at most " + maxBody.String() + ", or leave it out"}
	}
	return nil
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

// CheckRouteHost accepts what CheckHost does, and "*." before a name of which at least the
// last part is no number; else it gives an Error.
func CheckRouteHost(host string) error {
	name, wild := strings.CutPrefix(host, "*.")
	switch {
	case !wild && !strings.Contains(host, "*"):
		return CheckHost(host)
	case !wild || name == "" || strings.Contains(name, "*") || isNumeric(name):
		return &Error{Value: host, Msg: "has a wildcard in the wrong place", Hint: "write *.example.com for all names below example.com, or leave host out for all of them"}
	}
	if problem, bad := errors.AsType[*Error](CheckHost(name)); bad {
		problem.Value = host
		return problem
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
