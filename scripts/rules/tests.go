package rules

import (
	"fmt"
	"go/ast"
)

// guarded are the folders whose packages start goroutines and so must prove in
// their tests that none is left behind.
var guarded = []string{"runtime", "proxy", "sdk"}

const goleak = "go.uber.org/goleak"

func checkSkips(p *Package) []Finding {
	var found []Finding
	for _, f := range p.Files {
		if !f.Test {
			continue
		}
		testers := testerNames(f)
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if !ok || !testers[x.Name] {
				return true
			}
			switch sel.Sel.Name {
			case "Skip", "Skipf", "SkipNow":
				found = append(found, Finding{
					Rule: "no test is skipped", Where: f.Path,
					What:   fmt.Sprintf("calls %s.%s", x.Name, sel.Sel.Name),
					Remedy: "make the test work everywhere, or let scripts/deps.sh see to what is missing",
				})
			}
			return true
		})
	}
	return found
}

// testerNames are the parameters of f's functions that are a test's handle.
func testerNames(f *File) map[string]bool {
	names := map[string]bool{}
	testing := f.localName("testing", "testing")
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok {
			return true
		}
		t := field.Type
		if star, ok := t.(*ast.StarExpr); ok {
			t = star.X
		}
		sel, ok := t.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == testing {
			for _, id := range field.Names {
				names[id.Name] = true
			}
		}
		return true
	})
	return names
}

func checkLeaks(p *Package) []Finding {
	if !withinAny(p.Dir, guarded) {
		return nil
	}
	tests := false
	for _, f := range p.Files {
		if !f.Test {
			continue
		}
		tests = true
		if looksForLeaks(f) {
			return nil
		}
	}
	if !tests {
		return nil
	}
	return []Finding{{
		Rule: "tests leave no goroutine behind", Where: p.Dir,
		What:   "has tests, and no TestMain that uses goleak",
		Remedy: "add func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }",
	}}
}

// looksForLeaks reports whether f has a TestMain that calls goleak.
func looksForLeaks(f *File) bool {
	name := f.localName(goleak, "goleak")
	if name == "" {
		return false
	}
	called := false
	for _, decl := range f.Syntax.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || fn.Name.Name != "TestMain" || fn.Body == nil {
			continue
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			called = called || ok && x.Name == name && (sel.Sel.Name == "VerifyTestMain" || sel.Sel.Name == "Find")
			return true
		})
	}
	return called
}
