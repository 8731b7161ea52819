package artifact

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

const guide = "see docs/writing-a-module.md"

// declare takes the manifest from the executable or from its sidecar.
func (c *content) declare(scanner *manifest.Scanner, sidecar []byte) error {
	embedded, err := scanner.Manifest()
	switch {
	case errors.Is(err, manifest.ErrNone) && sidecar == nil:
		return &module.Error{
			Kind: module.Invalid, Field: "manifest", Msg: "no manifest found",
			Hint: "embed module.yaml with go:embed or put NAME.module.yaml beside the executable, " + guide,
		}
	case errors.Is(err, manifest.ErrNone):
		c.sidecar, c.text = sidecar, sidecar
		c.manifest, err = parse("sidecar", sidecar)
		return err
	case errors.Is(err, manifest.ErrAmbiguous):
		return &module.Error{Kind: module.Invalid, Field: "manifest", Err: err, Hint: "embed one module.yaml in one executable"}
	case err != nil:
		return &module.Error{Kind: module.Invalid, Field: "manifest", Err: err, Hint: "end module.yaml with a line `...`, " + guide}
	}
	c.text = embedded
	c.manifest, err = parse("manifest", embedded)
	if err != nil || sidecar == nil {
		return err
	}
	beside, err := parse("sidecar", sidecar)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(beside, c.manifest) {
		return &module.Error{
			Kind: module.Conflict, Field: "sidecar",
			Msg:  "it says something else than the manifest embedded in the executable",
			Hint: "remove the sidecar, or build the executable without the embedded manifest",
		}
	}
	return nil
}

// parse reads a manifest; where stands before the fields of what is wrong with it.
func parse(where string, text []byte) (*manifest.Manifest, error) {
	m, err := manifest.Parse(text)
	if err == nil {
		return m, nil
	}
	problems := manifest.Problems(err)
	if len(problems) == 0 {
		return nil, &module.Error{Kind: module.Invalid, Field: where, Err: err, Hint: guide}
	}
	first := problems[0]
	e := &module.Error{Kind: module.Invalid, Field: clip(first.Field), Value: clip(first.Value), Msg: clip(first.Msg), Hint: clip(first.Hint)}
	if e.Field == "" {
		e.Field = where
	}
	if first.Line > 0 {
		e.Msg = fmt.Sprintf("%s (line %d of the %s)", e.Msg, first.Line, where)
	}
	var others []string
	for _, p := range problems[1:min(len(problems), mostProblems)] {
		short := manifest.Error{Field: clip(p.Field), Value: clip(p.Value), Msg: clip(p.Msg), Hint: clip(p.Hint), Line: p.Line}
		others = append(others, short.Error())
	}
	if more := len(problems) - mostProblems; more > 0 {
		others = append(others, fmt.Sprintf("and %d more", more))
	}
	if len(others) > 0 {
		e.Hint = strings.Trim(e.Hint+"; also wrong: "+strings.Join(others, "; "), "; ")
	}
	return nil, e
}

// What is told of a manifest is bounded, whatever its author wrote: an error goes into
// events, records and logs.
const (
	mostProblems = 5
	mostText     = 200 // bytes of each part of a problem
)

// clip makes what may hold an author's words short, and one line.
func clip(s string) string {
	if len(s) > mostText {
		s = strings.ToValidUTF8(s[:mostText], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
