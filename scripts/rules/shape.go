package rules

import (
	"fmt"
	"path"
	"strings"
)

// The most lines that a file may have.
const (
	maxLines     = 400
	maxTestLines = 800
)

// vague are names that say nothing of what is inside.
var vague = map[string]bool{
	"util": true, "utils": true, "helper": true, "helpers": true,
	"common": true, "manager": true, "misc": true, "shared": true,
}

func checkNames(p *Package) []Finding {
	for _, f := range p.Files {
		name := strings.TrimSuffix(f.Syntax.Name.Name, "_test")
		if !vague[name] && !vague[path.Base(p.Dir)] {
			continue
		}
		return []Finding{{
			Rule: "a package is named for what it does", Where: p.Dir,
			What:   fmt.Sprintf("package %s says nothing", name),
			Remedy: "name the concept, or move the code to its only user",
		}}
	}
	return nil
}

func checkSizes(p *Package) []Finding {
	var found []Finding
	for _, f := range p.Files {
		limit := maxLines
		if f.Test {
			limit = maxTestLines
		}
		if f.Generated || f.Lines < limit {
			continue
		}
		found = append(found, Finding{
			Rule: "a file has one concept", Where: f.Path,
			What:   fmt.Sprintf("has %d lines, %d are too many", f.Lines, limit),
			Remedy: "split it by concept",
		})
	}
	return found
}

func checkNotes(p *Package) []Finding {
	var found []Finding
	for _, f := range p.Files {
		if f.Generated {
			continue
		}
		for _, group := range f.Syntax.Comments {
			for _, c := range group.List {
				note, ok := unfinished(c.Text)
				if !ok {
					continue
				}
				found = append(found, Finding{
					Rule: "no unfinished work", Where: f.Path,
					What:   fmt.Sprintf("has a %s comment", note),
					Remedy: "do it, or say the limit plainly in the documentation",
				})
			}
		}
	}
	return found
}

// unfinished finds a marker at the start of a comment's line.
func unfinished(comment string) (string, bool) {
	for line := range strings.Lines(comment) {
		line = strings.TrimLeft(line, "/* \t")
		for _, note := range []string{"TODO", "FIXME", "XXX", "HACK"} {
			if strings.HasPrefix(line, note) {
				return note, true
			}
		}
	}
	return "", false
}
