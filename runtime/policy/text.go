package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/segue-run/segue/runtime/module"
)

// Fields are the names of all that Set can set, "strategy" or "shield.routes", in the
// order in which they are documented.
func Fields() []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// IsList reports whether a field takes any number of values.
func IsList(name string) bool {
	f, ok := fieldOf(name)
	return ok && f.list
}

// Set sets one field of p from its text, or from any number of them where IsList. It
// gives an Invalid module.Error that names the field, and leaves p as it was then.
func Set(p *Policy, name string, values ...string) error {
	f, ok := fieldOf(name)
	switch {
	case !ok:
		return &module.Error{Kind: module.Invalid, Field: name, Value: strings.Join(values, ", "), Msg: "is no field of a rollout", Hint: "the fields are " + strings.Join(Fields(), ", ")}
	case !f.list && len(values) != 1:
		return &module.Error{Kind: module.Invalid, Field: name, Value: strings.Join(values, ", "), Msg: "is a list", Hint: "write one value"}
	}
	if err := f.set(p, values); err != nil {
		return named(name, values, err)
	}
	return nil
}

// Text is the fields that p sets, each as Set reads it. Hooks are in it as they are,
// secrets and all: see Redacted.
func Text(p Policy) map[string][]string {
	texts := map[string][]string{}
	for _, f := range fields {
		if values, set := f.text(&p); set {
			texts[f.name] = values
		}
	}
	return texts
}

// Validate checks the fields that are set; the zero Policy is valid. Its error is made
// of Invalid module.Errors, each of which names the field, its value and the remedy.
func (p Policy) Validate() error {
	var all []error
	var scratch Policy
	for _, f := range fields {
		if values, set := f.text(&p); set {
			all = append(all, Set(&scratch, f.name, values...))
		}
	}
	if p.Window != nil && *p.Window < 0 {
		all = append(all, &module.Error{Kind: module.Invalid, Field: "window", Value: p.Window.String(), Msg: "is negative", Hint: "write 0s for none"})
	}
	all = append(all, unknownKeys("hooks", p.Hooks, Points), unknownKeys("signs", p.Signs, Signs))
	if err := errors.Join(all...); err != nil {
		return err
	}
	return module.CheckRollout(p.Rollout)
}

func unknownKeys[K ~string, V any](field string, set map[K]V, known []K) error {
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if !slices.Contains(known, key) {
			return &module.Error{Kind: module.Invalid, Field: field, Value: string(key), Msg: "is not one of them", Hint: "there are " + strings.Trim(fmt.Sprint(known), "[]")}
		}
	}
	return nil
}

func fieldOf(name string) (field, bool) {
	i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
	if i < 0 {
		return field{}, false
	}
	return fields[i], true
}

// named is err as one about a field.
func named(name string, values []string, err error) error {
	e, ok := errors.AsType[*module.Error](err)
	if !ok {
		e, _ = of(strings.Join(values, ", "), err).(*module.Error)
	}
	about := *e
	about.Field = name
	return &about
}
