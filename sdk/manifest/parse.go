package manifest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// MaxSize is how many bytes a manifest may have.
const MaxSize = 256 << 10

// Parse reads a manifest and checks all of it. Unknown fields, duplicate keys and
// wrong types are refused; anchors, aliases and tags too, since a manifest has no
// use for them and they are how a small document becomes a huge one. The marked
// first line and the closing "..." may be there or not. The paths of routes come
// back without a trailing slash. What is wrong is an Error, or several joined:
// see Problems.
func Parse(text []byte) (_ *Manifest, err error) {
	// The document comes from whoever wrote the module, and the YAML library is
	// not ours: a panic in it is a bad document, not the end of the host.
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Msg: fmt.Sprintf("cannot be read as YAML (%v)", r), Hint: "write a plain YAML mapping"}
		}
	}()
	body, err := document(text)
	if err != nil {
		return nil, err
	}
	m := new(Manifest)
	if err := yaml.NodeToValue(body, m, yaml.Strict()); err != nil {
		return nil, explain(err, body)
	}
	if err := errors.Join(m.validate(), checkNoNothing(m.Quotas, body), checkRouteValues(body)); err != nil {
		return nil, withSource(err, body)
	}
	return m, nil
}

// document is the root mapping of the one YAML document in text.
func document(text []byte) (ast.Node, error) {
	if len(text) > MaxSize {
		return nil, &Error{Msg: fmt.Sprintf("the manifest has %d bytes", len(text)), Hint: fmt.Sprintf("write at most %d", MaxSize)}
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if err := checkText(text); err != nil {
		return nil, err
	}
	tokens := lexer.Tokenize(string(text))
	if err := checkTokens(tokens); err != nil {
		return nil, err
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, explain(err, nil)
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		return nil, &Error{Msg: "the manifest is empty", Hint: "write at least name, version and routes"}
	case len(bodies) > 1:
		return nil, &Error{Line: bodies[1].GetToken().Position.Line, Msg: "a second document begins", Hint: "a manifest is one YAML document"}
	case bodies[0].Type() != ast.MappingType:
		return nil, &Error{Line: bodies[0].GetToken().Position.Line, Msg: "the manifest is no mapping", Hint: "write `name: …` and the other fields, one a line"}
	}
	return bodies[0], nil
}

// maxBlank bounds the blank lines in a row: the YAML library takes time by the
// square of those in a block of text.
const maxBlank = 50

func checkText(text []byte) error {
	if !utf8.Valid(text) {
		return &Error{Msg: "the manifest is no UTF-8 text", Hint: "is the closing line `...` missing?"}
	}
	line, blank := 0, 0
	for content := range bytes.Lines(text) {
		line++
		blank++
		for _, c := range bytes.TrimSuffix(content, []byte("\n")) {
			switch {
			case c < ' ' && c != '\t', c == 0x7f:
				return &Error{Line: line, Msg: fmt.Sprintf("the manifest has the control character %#02x", c), Hint: "is the closing line `...` missing?"}
			case c != ' ' && c != '\t':
				blank = 0
			}
		}
		if blank > maxBlank {
			return &Error{Line: line, Msg: fmt.Sprintf("the manifest has more than %d blank lines in a row", maxBlank), Hint: "leave them out"}
		}
	}
	return nil
}

// What the YAML library is given: its parser recurses, and takes time by the
// square of what it is fed.
const (
	maxTokens  = 4000
	maxNesting = 16
)

func checkTokens(tokens token.Tokens) error {
	if len(tokens) > maxTokens {
		return &Error{Msg: "the manifest has too many values", Hint: "leave out what the module does not need"}
	}
	var nesting, entries, line int
	for _, t := range tokens {
		if t.Position.Line != line {
			line, entries = t.Position.Line, 0
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType, token.MappingKeyType:
			return &Error{Line: line, Msg: fmt.Sprintf("the manifest uses %q", clip(t.Value)), Hint: "write plain values, without anchors, aliases, tags, merges and complex keys; a text that begins with '*', '&' or '!' in quotes"}
		case token.MappingStartType, token.SequenceStartType:
			nesting++
		case token.MappingEndType, token.SequenceEndType:
			nesting--
		case token.SequenceEntryType:
			entries++
		}
		if nesting+entries > maxNesting {
			return &Error{Line: line, Msg: "the manifest is nested too deeply", Hint: "nothing in a manifest is deeper than five levels"}
		}
	}
	return nil
}

// explain turns an error of the YAML library into one of ours; body may be nil.
func explain(err error, body ast.Node) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := &Error{Msg: err.Error()}
	yamlErr, ok := errors.AsType[yaml.Error](err)
	if !ok {
		return e
	}
	e.Msg = yamlErr.GetMessage()
	t := yamlErr.GetToken()
	if t == nil {
		return e
	}
	if t.Position != nil {
		e.Line = t.Position.Line
	}
	if _, ok := errors.AsType[*yaml.UnknownFieldError](err); ok {
		field := fieldAt(body, t, t.Value)
		return &Error{Line: e.Line, Field: field, Msg: "is no field of a manifest", Hint: cmp.Or(siblings(field), "is it misspelt, or for a newer runtime?")}
	}
	if _, ok := errors.AsType[*yaml.DuplicateKeyError](err); ok {
		return &Error{Line: e.Line, Field: t.Value, Msg: "is written twice", Hint: "leave one of them out"}
	}
	if body != nil {
		e.Field, e.Value = fieldAt(body, t, ""), t.Value
		e.Msg, e.Hint = "has the wrong type", clip(yamlErr.GetMessage())
		if typed, ok := errors.AsType[*yaml.TypeError](err); ok && typed.DstType.Kind() == reflect.Bool {
			e.Hint = "write true or false"
		}
		if strings.HasPrefix(e.Field, "permissions.") {
			e.Hint = `write a list of texts in quotes, such as ["` + DataFolder + `", "*.example.com:443"]`
		}
	}
	return e
}

// siblings says what there is in the place of a field of Permissions or Quotas; it is
// empty for other fields.
func siblings(field string) string {
	switch parent, _, _ := strings.Cut(field, "."); parent {
	case "permissions":
		return "there are " + strings.Join(PermissionKinds, ", ")
	case "quotas":
		return "there are " + strings.Join(QuotaFields(), ", ")
	}
	return ""
}

// checkNoNothing refuses a quota that is written as 0, which q has for one that is unset.
func checkNoNothing(q Quotas, body ast.Node) error {
	var wrong []error
	ast.Walk(visit(func(node ast.Node) {
		name, ok := strings.CutPrefix(fieldOf(node), "quotas.")
		if _, value := node.(ast.ScalarNode); !ok || !value || node.Type() == ast.NullType || q.Amount(name) != 0 {
			return
		}
		if f, known := quotaNamed(name); known && node.GetToken().Value != name {
			wrong = append(wrong, at("quotas", f.check(0)))
		}
	}), body)
	return errors.Join(wrong...)
}

// visit is called with every node of a document.
type visit func(node ast.Node)

// Visit implements ast.Visitor.
func (v visit) Visit(node ast.Node) ast.Visitor {
	v(node)
	return v
}

// fieldAt is the field whose key or value is t, else the fallback.
func fieldAt(body ast.Node, t *token.Token, fallback string) string {
	found := fallback
	ast.Walk(visit(func(node ast.Node) {
		if field := fieldOf(node); node.GetToken() == t && field != "" {
			found = field
		}
	}), body)
	return found
}

// withSource gives every Error in err the line that its field stands on, and the
// value as it is written there.
func withSource(err error, body ast.Node) error {
	lines, values := make(map[string]int), make(map[string]string)
	ast.Walk(visit(func(node ast.Node) {
		field, t := fieldOf(node), node.GetToken()
		if _, known := lines[field]; !known {
			lines[field] = t.Position.Line
		}
		if _, ok := node.(ast.ScalarNode); ok {
			values[field] = t.Value
		}
	}), body)
	for _, e := range Problems(err) {
		e.Line = lines[e.Field]
		if e.Value != "" {
			e.Value = cmp.Or(values[e.Field], e.Value)
		}
	}
	return err
}

// fieldOf is the node's place as an Error writes it, "routes[0].path".
func fieldOf(node ast.Node) string {
	return strings.TrimPrefix(strings.TrimPrefix(node.GetPath(), "$"), ".")
}

// scalar is the text of a node that must be one plain value.
func scalar(node ast.Node) (string, error) {
	if _, ok := node.(ast.ScalarNode); !ok {
		return "", placed(node, &Error{Msg: "must be one value", Hint: "write it without brackets and braces"})
	}
	return node.GetToken().Value, nil
}

// placed gives an Error of a value the node's field and line.
func placed(node ast.Node, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.Field, e.Line = fieldOf(node), node.GetToken().Position.Line
	}
	return err
}
