package rules

import (
	"bufio"
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Finding is one broken rule.
type Finding struct {
	Rule   string // the rule in a few words
	Where  string // the file or folder, relative to the root
	What   string // what is wrong there
	Remedy string // what to do
}

// String is one line for the test's output.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s; %s", f.Where, f.Rule, f.What, f.Remedy)
}

// Tree is the Go source of a repository, parsed.
type Tree struct {
	// Module is the module path from go.mod.
	Module string
	// Packages are all folders with Go files, by path.
	Packages []*Package

	pages map[string]bool // of the documentation: "docs/traffic.md"
}

// Package is one folder with Go files, its tests included.
type Package struct {
	// Dir is the folder relative to the root, with slashes; "." is the root.
	Dir   string
	Files []*File
}

// File is one Go file.
type File struct {
	// Path is relative to the root, with slashes.
	Path      string
	Lines     int
	Test      bool
	Generated bool
	Syntax    *ast.File
}

// outputs are the folders at the root that a build, a run or vendoring makes.
var outputs = []string{"bin", "build", "modules", "vendor"}

// Load parses every Go file below root, which holds the go.mod.
func Load(root string) (*Tree, error) {
	name, err := moduleName(filepath.Join(root, "go.mod"))
	if err != nil {
		return nil, err
	}
	tree := &Tree{Module: name, pages: map[string]bool{}}
	dirs := map[string]*Package{}
	walk := func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if entry.IsDir() {
			if ignored(rel) {
				return fs.SkipDir
			}
			return nil
		}
		if within(rel, "docs") && strings.HasSuffix(rel, ".md") {
			tree.pages[rel] = true
		}
		if !strings.HasSuffix(rel, ".go") || !entry.Type().IsRegular() {
			return nil
		}
		parsed, err := load(file, rel)
		if err != nil {
			return err
		}
		dir := path.Dir(rel)
		if dirs[dir] == nil {
			dirs[dir] = &Package{Dir: dir}
			tree.Packages = append(tree.Packages, dirs[dir])
		}
		dirs[dir].Files = append(dirs[dir].Files, parsed)
		return nil
	}
	if err := filepath.WalkDir(root, walk); err != nil {
		return nil, fmt.Errorf("read %s: %w", root, err)
	}
	slices.SortFunc(tree.Packages, func(a, b *Package) int { return strings.Compare(a.Dir, b.Dir) })
	return tree, nil
}

// Check applies every rule and returns what breaks one.
func (t *Tree) Check() []Finding {
	var found []Finding
	for _, p := range t.Packages {
		found = append(found, t.checkImports(p)...)
		found = append(found, checkNames(p)...)
		found = append(found, checkSizes(p)...)
		found = append(found, checkPackageDoc(p)...)
		found = append(found, checkExported(p)...)
		found = append(found, checkNotes(p)...)
		found = append(found, checkSkips(p)...)
		found = append(found, t.checkPages(p)...)
		found = append(found, checkLeaks(p)...)
	}
	return found
}

func ignored(dir string) bool {
	base := path.Base(dir)
	return base == "testdata" || slices.Contains(outputs, dir) ||
		dir != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_"))
}

func load(file, rel string) (*File, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	syntax, err := parser.ParseFile(token.NewFileSet(), rel, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &File{
		Path:      rel,
		Lines:     bytes.Count(src, []byte("\n")),
		Test:      strings.HasSuffix(rel, "_test.go"),
		Generated: ast.IsGenerated(syntax),
		Syntax:    syntax,
	}, nil
}

// imports are the import paths of f.
func (f *File) imports() []string {
	paths := make([]string, 0, len(f.Syntax.Imports))
	for _, spec := range f.Syntax.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// localName is the name by which f speaks of the import whose path is want,
// given the name that the package itself has; empty where f does not import it.
func (f *File) localName(want, own string) string {
	for _, spec := range f.Syntax.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err != nil || p != want {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return own
	}
	return ""
}

func moduleName(gomod string) (string, error) {
	src, err := os.ReadFile(gomod)
	if err != nil {
		return "", err
	}
	for lines := bufio.NewScanner(bytes.NewReader(src)); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "module "); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", fmt.Errorf("read %s: no module line", gomod)
}

// within reports whether the slashed path p is dir or lies below it.
func within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, dir+"/")
}

func withinAny(p string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return within(p, dir) })
}
