package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/segue-run/segue/runtime/module"
)

// walker collects the leaves of a document.
type walker struct {
	name   string
	leaves []leaf
}

// walk visits a node at path. Anchors, aliases, tags and merges are refused: a
// configuration says each thing once.
func (w *walker) walk(path []string, node ast.Node) error {
	switch n := node.(type) {
	case *ast.MappingNode:
		if len(n.Values) == 0 {
			w.bare(path, node)
		}
		for _, value := range n.Values {
			if err := w.walkValue(path, value); err != nil {
				return err
			}
		}
		return nil
	case *ast.MappingValueNode:
		return w.walkValue(path, n)
	case *ast.NullNode:
		w.bare(path, node) // a field without a value sets nothing
		return nil
	}
	if len(path) == 0 {
		return w.refuse(path, node, "is no mapping", "write `listen: 127.0.0.1:8080` and the like, one a line")
	}
	if list, ok := node.(*ast.SequenceNode); ok && strings.Join(path, ".") == certificatesField {
		if mappings, err := w.walkList(path, list); mappings || err != nil {
			return err
		}
	}
	values, err := w.values(path, node)
	if err != nil {
		return err
	}
	w.leaves = append(w.leaves, leaf{path: path, values: values, line: line(node)})
	return nil
}

// bare notes a field with nothing in it.
func (w *walker) bare(path []string, node ast.Node) {
	if len(path) > 0 {
		w.leaves = append(w.leaves, leaf{path: path, line: line(node), bare: true})
	}
}

func (w *walker) walkValue(path []string, value *ast.MappingValueNode) error {
	if _, ok := value.Key.(*ast.MergeKeyNode); ok {
		return w.refuse(path, value.Key, "is a merge", "write each setting where it belongs")
	}
	key, err := w.text(path, value.Key)
	if err != nil {
		return err
	}
	return w.walk(append(path[:len(path):len(path)], key), value.Value)
}

// walkList visits the mappings of a list, each with its place behind the list's name; it
// gives false where there are none.
func (w *walker) walkList(path []string, list *ast.SequenceNode) (mappings bool, err error) {
	for i, item := range list.Values {
		switch item.(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
		default:
			return false, nil
		}
		at := slices.Clone(path)
		at[len(at)-1] += fmt.Sprintf("[%d]", i)
		if err := w.walk(at, item); err != nil {
			return false, err
		}
	}
	return len(list.Values) > 0, nil
}

// values are the one value of a scalar, or those of a list of scalars.
func (w *walker) values(path []string, node ast.Node) ([]string, error) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		text, err := w.text(path, node)
		return []string{text}, err
	}
	values := make([]string, len(list.Values))
	for i, item := range list.Values {
		if _, nested := item.(*ast.SequenceNode); nested {
			return nil, w.refuse(path, item, "is a list in a list", "write plain values")
		}
		var err error
		if values[i], err = w.text(path, item); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// text is what a scalar says.
func (w *walker) text(path []string, node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	}
	return "", w.refuse(path, node, "is written as a "+strings.ToLower(node.Type().YAMLName()), "write a plain value, in quotes where it has other signs than letters")
}

func (w *walker) refuse(path []string, node ast.Node, msg, hint string) error {
	field := strings.Join(path, ".")
	if field == "" {
		field = w.name
	}
	value := node.GetToken().Value
	return &module.Error{Kind: module.Invalid, Field: field, Value: value, Msg: fmt.Sprintf("%s (%s line %d)", msg, w.name, line(node)), Hint: hint}
}

func line(node ast.Node) int {
	if t := node.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}
