package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// leaf is one setting of the file: its path, its values and where it stands. What is
// no list has one value.
type leaf struct {
	path   []string
	values []string
	line   int
	bare   bool // it has neither a value nor settings below it
}

func (l leaf) field() string { return strings.Join(l.path, ".") }

// places says where a field stands in the file; empty where it does not.
type places func(field string) string

// apply sets what the file's text says; at tells where.
func (c *Config) apply(name string, text []byte) (at places, err error) {
	leaves, err := parse(name, text)
	if err != nil {
		return nil, err
	}
	for _, l := range leaves {
		err := c.set(l)
		if err != nil {
			return nil, located(err, l.field(), strings.Join(l.values, ","), place(name, l))
		}
	}
	at = func(field string) string {
		for _, l := range leaves {
			if l.field() == field && !l.bare {
				return place(name, l)
			}
		}
		return ""
	}
	return at, cmp.Or(c.checkRollouts(at), c.checkQuotas(at), c.checkModules(at))
}

// set sets what a leaf says. One that is bare sets nothing, but must be there to be set.
func (c *Config) set(l leaf) error {
	if l.bare {
		return checkKnown(l.path)
	}
	set, err := c.setter(l)
	if err != nil {
		return err
	}
	return set(l.values)
}

// checkKnown refuses a path at which nothing can be set, nor below it.
func checkKnown(path []string) error {
	fields, rest := append(fieldsOfAll(), "modules"), path
	if path[0] == "modules" && len(path) > 1 {
		if err := checkModuleName(path[1]); err != nil || len(path) == 2 {
			return err
		}
		fields, rest = moduleFields, path[2:]
	}
	field := strings.Join(rest, ".")
	if certificate := len(rest) > 2 && strings.Join(rest[:2], ".")+"."+name(rest[2]) == certificatesField; certificate {
		field = certificatesField
	}
	if slices.Contains(fields, field) || len(children(fields, field+".")) > 0 {
		return nil
	}
	return unknownField(field, fields)
}

func fieldsOfAll() []string {
	fields := make([]string, len(settings))
	for i, s := range settings {
		fields[i] = s.field
	}
	return fields
}

func checkModuleName(name string) error {
	if problem, bad := errors.AsType[*manifest.Error](manifest.CheckName(name)); bad {
		return wrong("is below a name that no module can have", problem.Hint)
	}
	return nil
}

func place(name string, l leaf) string { return fmt.Sprintf("%s line %d", name, l.line) }

// setFunc sets what a leaf says.
type setFunc func(values []string) error

// setter finds what a leaf sets.
func (c *Config) setter(l leaf) (setFunc, error) {
	if len(l.path) >= 3 && l.path[0] == "modules" {
		return c.moduleSetter(l.path[1], l.path[2:])
	}
	if set := c.certificateSetter(l.path); set != nil {
		return set, nil
	}
	for _, s := range settings {
		if slices.Equal(strings.Split(s.field, "."), l.path) {
			return func(values []string) error { return s.set(c, values) }, nil
		}
	}
	if l.path[0] == "modules" {
		return nil, wrong("is no setting of a module", "write modules: {NAME: {rollout: …}}; the watched directory is modules_dir")
	}
	return nil, unknownField(l.field(), append(fieldsOfAll(), "modules"))
}

func (c *Config) moduleSetter(name string, path []string) (setFunc, error) {
	if err := checkModuleName(name); err != nil {
		return nil, err
	}
	field := strings.Join(path, ".")
	known := slices.ContainsFunc(moduleFields, func(f string) bool { return slices.Equal(strings.Split(f, "."), path) })
	if !known {
		return nil, unknownField(field, moduleFields)
	}
	return func(values []string) error {
		m := c.Modules[name]
		if err := m.set(field, values); err != nil {
			return err
		}
		if c.Modules == nil {
			c.Modules = map[string]Module{}
		}
		c.Modules[name] = m
		return nil
	}, nil
}

// unknownField says what can stand where field stands.
func unknownField(field string, known []string) error {
	if below := children(known, field+"."); len(below) > 0 {
		return wrong("has settings below it and no value of its own", "write "+field+": {"+below[0]+": …}; there are "+strings.Join(below, ", "))
	}
	for parent := field; ; {
		parent = parent[:max(0, strings.LastIndexByte(parent, '.'))]
		prefix := ""
		if parent != "" {
			prefix = parent + "."
		}
		if siblings := children(known, prefix); len(siblings) > 0 {
			return wrong("no such setting", "there are "+prefix+strings.Join(siblings, ", "+prefix))
		}
	}
}

// children are the names that come after prefix in the known fields.
func children(known []string, prefix string) []string {
	var names []string
	for _, field := range known {
		if rest, ok := strings.CutPrefix(field, prefix); ok {
			name, _, _ := strings.Cut(rest, ".")
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// parse gives the leaves of the file in their order.
func parse(name string, text []byte) (leaves []leaf, err error) {
	// The YAML library is not ours: a panic in it is a bad file.
	defer func() {
		if r := recover(); r != nil {
			err = &module.Error{Kind: module.Invalid, Field: name, Msg: fmt.Sprintf("cannot be read as YAML (%v)", r), Hint: "write a plain YAML mapping"}
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, syntaxError(name, err)
	}
	w := &walker{name: name}
	var bodies int
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if bodies++; bodies > 1 {
			return nil, w.refuse(nil, doc.Body, "a second document begins", "write one document")
		}
		if err := w.walk(nil, doc.Body); err != nil {
			return nil, err
		}
	}
	return w.leaves, nil
}

func syntaxError(name string, err error) error {
	e := &module.Error{Kind: module.Invalid, Field: name, Msg: err.Error(), Hint: "mend the YAML"}
	if problem, ok := errors.AsType[yaml.Error](err); ok {
		e.Msg = problem.GetMessage()
		if t := problem.GetToken(); t != nil && t.Position != nil {
			e.Msg = fmt.Sprintf("line %d: %s", t.Position.Line, e.Msg)
		}
	}
	return e
}
