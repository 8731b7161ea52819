package rules_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/segue-run/segue/scripts/rules"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestThisRepositoryKeepsItsRules(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := rules.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if tree.Module != "github.com/segue-run/segue" || len(tree.Packages) < 5 {
		t.Fatalf("read module %q with %d packages from %s", tree.Module, len(tree.Packages), root)
	}
	for _, f := range tree.Check() {
		t.Error(f)
	}
}

// Each archive in testdata is a small repository; the "want:" lines of its comment
// are the findings there must be, each without its remedy and perhaps shortened.
func TestEachRuleCatchesItsOffenders(t *testing.T) {
	for _, file := range archives(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive := parse(t, file)
			found := check(t, archive)
			want := wanted(archive)
			for _, f := range found {
				if f.Remedy == "" {
					t.Errorf("%s: has no remedy", f)
				}
				i := slices.IndexFunc(want, func(w string) bool { return strings.HasPrefix(f.String(), w) })
				if i < 0 {
					t.Errorf("unexpected: %s", f)
					continue
				}
				want = slices.Delete(want, i, i+1)
			}
			for _, w := range want {
				t.Errorf("not caught: %s", w)
			}
		})
	}
}

func TestAFileIsTooLongFromItsLimitOn(t *testing.T) {
	for _, c := range []struct {
		file   string
		lines  int
		caught bool
	}{
		{"proxy/a.go", 399, false},
		{"proxy/a.go", 400, true},
		{"proxy/a_test.go", 799, false},
		{"proxy/a_test.go", 800, true},
	} {
		t.Run(fmt.Sprintf("%s with %d lines", c.file, c.lines), func(t *testing.T) {
			long := "package proxy\n" + strings.Repeat("\n", c.lines-1)
			archive := &txtar.Archive{Files: []txtar.File{{Name: c.file, Data: []byte(long)}}}
			caught := slices.ContainsFunc(check(t, archive), func(f rules.Finding) bool {
				return f.Rule == "a file has one concept" && f.Where == c.file
			})
			if caught != c.caught {
				t.Errorf("caught %t, want %t", caught, c.caught)
			}
		})
	}
}

func TestASourceThatDoesNotParseIsAnErrorNotAPass(t *testing.T) {
	root := write(t, &txtar.Archive{Files: []txtar.File{{Name: "proxy/a.go", Data: []byte("not Go\n")}}})
	if _, err := rules.Load(root); err == nil || !strings.Contains(err.Error(), "proxy/a.go") {
		t.Fatalf("got %v, want an error that names proxy/a.go", err)
	}
}

func archives(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d archives: %v", len(files), err)
	}
	return files
}

func parse(t *testing.T, file string) *txtar.Archive {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

func check(t *testing.T, archive *txtar.Archive) []rules.Finding {
	t.Helper()
	tree, err := rules.Load(write(t, archive))
	if err != nil {
		t.Fatal(err)
	}
	return tree.Check()
}

func write(t *testing.T, archive *txtar.Archive) string {
	t.Helper()
	root := t.TempDir()
	files := append([]txtar.File{{Name: "go.mod", Data: []byte("module example.com/house\n")}}, archive.Files...)
	for _, f := range files {
		name := filepath.Join(root, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func wanted(archive *txtar.Archive) []string {
	var want []string
	for line := range strings.Lines(string(archive.Comment)) {
		if w, ok := strings.CutPrefix(line, "want: "); ok {
			want = append(want, strings.TrimSpace(w))
		}
	}
	return want
}
