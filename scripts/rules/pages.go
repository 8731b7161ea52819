package rules

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
)

// page is a page of the documentation, as hints, help texts and comments name it.
var page = regexp.MustCompile(`\bdocs/[A-Za-z0-9_./-]*\.md\b`)

func (t *Tree) checkPages(p *Package) []Finding {
	var found []Finding
	for _, f := range p.Files {
		if f.Test {
			continue
		}
		look := func(text string) {
			for _, name := range page.FindAllString(text, -1) {
				if !t.pages[name] {
					found = append(found, Finding{
						Rule: "a page that is named exists", Where: f.Path,
						What:   fmt.Sprintf("names %s", name),
						Remedy: "name the page where that stands now",
					})
				}
			}
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			if literal, is := n.(*ast.BasicLit); is && literal.Kind == token.STRING {
				if text, err := strconv.Unquote(literal.Value); err == nil {
					look(text)
				}
			}
			return true
		})
		for _, group := range f.Syntax.Comments {
			look(group.Text())
		}
	}
	return found
}
