package rules

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"strings"
)

func checkPackageDoc(p *Package) []Finding {
	code := false
	for _, f := range p.Files {
		if f.Test {
			continue
		}
		code = true
		documented := f.Syntax.Doc != nil && strings.TrimSpace(f.Syntax.Doc.Text()) != ""
		if documented && (path.Base(f.Path) == "doc.go" || tutorial(p)) {
			return nil
		}
	}
	if !code {
		return nil
	}
	return []Finding{{
		Rule: "every package says what it is", Where: p.Dir,
		What:   "has no doc.go with a package comment",
		Remedy: "add one: what it is, what always holds, who owns which goroutine, lock order",
	}}
}

// tutorial reports whether p is an example module, which may be a single file.
func tutorial(p *Package) bool { return within(p.Dir, "plugins") }

func checkExported(p *Package) []Finding {
	var found []Finding
	for _, f := range p.Files {
		if f.Test || f.Generated {
			continue
		}
		for _, name := range undocumented(f.Syntax) {
			found = append(found, Finding{
				Rule: "every exported name has a contract", Where: f.Path,
				What:   fmt.Sprintf("%s has no comment", name),
				Remedy: "say what it promises: units, errors, blocking, ownership",
			})
		}
	}
	return found
}

// undocumented are the exported names at the top of a file without a comment.
func undocumented(file *ast.File) []string {
	var names []string
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if name, exported := funcName(d); exported && d.Doc == nil {
				names = append(names, name)
			}
		case *ast.GenDecl:
			if d.Tok == token.IMPORT || d.Doc != nil && d.Lparen.IsValid() && d.Tok != token.TYPE {
				continue // a comment on a group of constants or variables is for all of them
			}
			for _, spec := range d.Specs {
				names = append(names, undocumentedSpec(d, spec)...)
			}
		}
	}
	return names
}

func undocumentedSpec(d *ast.GenDecl, spec ast.Spec) []string {
	single := d.Doc != nil && !d.Lparen.IsValid()
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && s.Comment == nil && !single {
			return []string{s.Name.Name}
		}
	case *ast.ValueSpec:
		if s.Doc != nil || s.Comment != nil || single {
			return nil
		}
		var names []string
		for _, id := range s.Names {
			if id.IsExported() {
				names = append(names, id.Name)
			}
		}
		return names
	}
	return nil
}

// funcName is the function's name, with its receiver's type where it is a method,
// and whether somebody outside the package sees it.
func funcName(d *ast.FuncDecl) (string, bool) {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return d.Name.Name, d.Name.IsExported()
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name + "." + d.Name.Name, x.IsExported() && d.Name.IsExported()
		default:
			return d.Name.Name, false
		}
	}
}
