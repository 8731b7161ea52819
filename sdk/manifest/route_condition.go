package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Methods are those of requests, in order and each once. They are written as a list, or as
// one method; the text of the type is for comparing alone.
type Methods string

const (
	maxMethods = 16
	maxMethod  = 32
)

// ParseMethods reads methods, in whatever order.
func ParseMethods(list ...string) (Methods, error) {
	if len(list) == 0 || len(list) > maxMethods {
		return "", &Error{Value: fmt.Sprint(len(list)), Msg: "is no number of methods", Hint: fmt.Sprintf("write 1 to %d of them, or leave methods out for all", maxMethods)}
	}
	for i, m := range list {
		if err := checkMethod(m, list[:i]); err != nil {
			return "", err
		}
	}
	return Methods(strings.Join(slices.Sorted(slices.Values(list)), ",")), nil
}

func checkMethod(m string, before []string) error {
	wrong := func(msg, hint string) error { return &Error{Value: m, Msg: msg, Hint: hint} }
	switch {
	case m != strings.ToUpper(m):
		return wrong("has small letters", "write "+strings.ToUpper(clip(m)))
	case m == "" || len(m) > maxMethod || strings.Trim(m, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" || strings.Trim(m, "-") != m:
		return wrong("is no method", "write one such as GET or POST, or leave methods out for all")
	case m == "CONNECT":
		return wrong("is for proxies", "write the methods that the module answers")
	case slices.Contains(before, m):
		return wrong("stands there twice", "leave one of them out")
	}
	return nil
}

// List is each method; nil where there are none.
func (m Methods) List() []string {
	if m == "" {
		return nil
	}
	return strings.Split(string(m), ",")
}

// MarshalJSON writes a list.
func (m Methods) MarshalJSON() ([]byte, error) { return json.Marshal(m.List()) }

// UnmarshalJSON reads a list.
func (m *Methods) UnmarshalJSON(text []byte) error {
	var list []string
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	parsed, err := ParseMethods(list...)
	if err == nil {
		*m = parsed
	}
	return err
}

// MarshalYAML writes a list.
func (m Methods) MarshalYAML() (any, error) { return m.List(), nil }

// UnmarshalYAML reads a list, or one method.
func (m *Methods) UnmarshalYAML(node ast.Node) error {
	items := []ast.Node{node}
	if list, ok := node.(*ast.SequenceNode); ok {
		items = list.Values
	}
	texts := make([]string, len(items))
	for i, item := range items {
		var err error
		if texts[i], err = scalar(item); err != nil {
			return err
		}
		if err := checkMethod(texts[i], texts[:i]); err != nil {
			return placed(item, err)
		}
	}
	parsed, err := ParseMethods(texts...)
	if err != nil {
		return placed(node, err)
	}
	*m = parsed
	return nil
}

// AnyValue stands for every value of a header but none.
const AnyValue = "*"

// Headers are names in small letters, each with the value that a request must have there,
// or AnyValue. They are written as a mapping; the text of the type is for comparing alone.
type Headers string

const (
	maxHeaders     = 8
	maxHeaderName  = 64
	maxHeaderValue = 256
)

// ParseHeaders reads conditions by name, in whatever case.
func ParseHeaders(conditions map[string]string) (Headers, error) {
	if len(conditions) == 0 || len(conditions) > maxHeaders {
		return "", &Error{Value: fmt.Sprint(len(conditions)), Msg: "is no number of headers", Hint: fmt.Sprintf("write 1 to %d of them, or leave headers out", maxHeaders)}
	}
	lines := make(map[string]string, len(conditions))
	for _, name := range slices.Sorted(maps.Keys(conditions)) {
		lower, value := strings.ToLower(name), conditions[name]
		if _, twice := lines[lower]; twice {
			return "", &Error{Field: name, Msg: "stands there twice", Hint: "leave one of them out"}
		}
		if err := checkCondition(lower, value); err != nil {
			return "", at(name, err)
		}
		lines[lower] = lower + ": " + value
	}
	sorted := make([]string, 0, len(lines))
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		sorted = append(sorted, lines[name])
	}
	return Headers(strings.Join(sorted, "\n")), nil
}

// notRouted are headers that no client sends to a module: they speak of one connection, or
// tell of the client and the address and are the runtime's to write. "proxy" becomes
// HTTP_PROXY in programs that follow CGI.
var notRouted = []string{"connection", "proxy-connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
	"transfer-encoding", "upgrade", "http2-settings", "forwarded", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "client-ip",
	"true-client-ip", "cf-connecting-ip", "x-original-url", "x-original-host", "x-rewrite-url", "x-host", "proxy", "content-length", "host"}

func checkCondition(name, value string) error {
	dashed := strings.ReplaceAll(name, "_", "-") // some servers take one for the other
	switch {
	case name == "" || len(name) > maxHeaderName || strings.ContainsFunc(name, func(r rune) bool { return !isTokenRune(r) }):
		return &Error{Value: name, Msg: "is no name of a header", Hint: "write one such as x-version"}
	case name == "host":
		return &Error{Msg: "is no condition", Hint: "write the route's host"}
	case strings.HasPrefix(dashed, "segue-"):
		return &Error{Msg: "is a header of the runtime's own", Hint: "choose another"}
	case strings.HasPrefix(dashed, "x-forwarded") || slices.Contains(notRouted, dashed):
		return &Error{Msg: "is no header that a client decides", Hint: "choose another"}
	case value == "":
		return &Error{Msg: "has no value", Hint: `write the value that it must have, or "` + AnyValue + `" for any`}
	case len(value) > maxHeaderValue || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) || strings.TrimSpace(value) != value:
		return &Error{Value: value, Msg: "is no value of a header", Hint: fmt.Sprintf("write at most %d printable ASCII characters, without a space at the ends", maxHeaderValue)}
	}
	return nil
}

// isTokenRune reports whether the rune may stand in a header's name, in small letters.
func isTokenRune(r rune) bool {
	return r < 0x80 && (isAlphanumeric(byte(r)) || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
}

// All gives each name with its value, in order.
func (h Headers) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for line := range strings.SplitSeq(string(h), "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok && !yield(name, value) {
				return
			}
		}
	}
}

// String is "x-a: 1, x-b"; a name alone stands for any value.
func (h Headers) String() string {
	var all []string
	for name, value := range h.All() {
		if value != AnyValue {
			name += ": " + value
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}

// MarshalJSON writes an object.
func (h Headers) MarshalJSON() ([]byte, error) { return json.Marshal(maps.Collect(h.All())) }

// UnmarshalJSON reads an object.
func (h *Headers) UnmarshalJSON(text []byte) error {
	var conditions map[string]string
	if err := json.Unmarshal(text, &conditions); err != nil {
		return err
	}
	parsed, err := ParseHeaders(conditions)
	if err == nil {
		*h = parsed
	}
	return err
}

// MarshalYAML writes a mapping.
func (h Headers) MarshalYAML() (any, error) { return maps.Collect(h.All()), nil }

// UnmarshalYAML reads a mapping.
func (h *Headers) UnmarshalYAML(node ast.Node) error {
	var pairs []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		return placed(node, &Error{Msg: "is no mapping", Hint: `write names and values, such as {x-version: "2"}`})
	}
	conditions, values := make(map[string]string, len(pairs)), make(map[string]ast.Node, len(pairs))
	for _, pair := range pairs {
		name := pair.Key.GetToken().Value
		if _, twice := conditions[name]; twice {
			return placed(pair.Value, &Error{Msg: "is written twice", Hint: "leave one of them out"})
		}
		text, err := scalar(pair.Value)
		if err != nil {
			return err
		}
		if pair.Value.Type() == ast.NullType {
			text = ""
		}
		conditions[name], values[name] = text, pair.Value
	}
	parsed, err := ParseHeaders(conditions)
	if err != nil {
		e, _ := errors.AsType[*Error](err)
		if value := values[e.Field]; value != nil {
			node = value
		}
		return placed(node, err)
	}
	*h = parsed
	return nil
}
