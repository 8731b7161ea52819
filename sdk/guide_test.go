package sdk_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/segue-run/segue/sdk/manifest"
)

const guide = "../docs/writing-a-module.md"

// block is a fenced block of the guide; the file it is for stands on the line
// before, where it is for one.
type block struct{ file, language, text string }

var fence = regexp.MustCompile("(?ms)(?:^`([\\w.]+)`:\\n\\n)?^```(\\w*)\\n(.*?)^```$")

func blocks(t *testing.T) []block {
	t.Helper()
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	var found []block
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		found = append(found, block{file: m[1], language: m[2], text: m[3]})
	}
	return found
}

func TestEveryManifestInTheGuideIsInOrder(t *testing.T) {
	n := 0
	for _, b := range blocks(t) {
		if b.language != "yaml" {
			continue
		}
		n++
		var s manifest.Scanner
		s.Write([]byte(b.text))
		found, err := s.Manifest()
		if err != nil {
			t.Errorf("%v in\n%s", err, b.text)
			continue
		}
		if _, err := manifest.Parse(found); err != nil {
			t.Errorf("%v in\n%s", err, b.text)
		}
	}
	if n < 2 {
		t.Errorf("found %d manifests", n)
	}
}

// TestTheGuideLeadsToAModule types the guide's own commands in a new repository:
// those that make the module's Go module, and, for each version of its files,
// those that test and build it.
func TestTheGuideLeadsToAModule(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	if err := os.Symlink(root, filepath.Join(home, "segue")); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, "greeter")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// The checksums are known here, so that none is asked for over the network.
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o644); err != nil {
		t.Fatal(err)
	}
	shell := func(line string) {
		t.Helper()
		cmd := exec.Command("/bin/sh", "-c", line)
		cmd.Dir = dir
		// What the guide's reader has: no work space, and no repository around it.
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	all := blocks(t)
	write := func(files ...block) {
		t.Helper()
		for _, b := range files {
			if err := os.WriteFile(filepath.Join(dir, b.file), []byte(b.text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	shell(line(t, all, "go mod init"))
	shell(line(t, all, "go mod edit"))
	write(file(t, all, "module.yaml")...)
	write(file(t, all, "main_test.go")...)
	for n, main := range file(t, all, "main.go") {
		write(main)
		if n == 0 {
			shell(line(t, all, "go get"))
		}
		shell("gofmt -l . | grep . && exit 1; go vet ./...")
		shell(line(t, all, "go test"))
		shell(line(t, all, "CGO_ENABLED=0 go build"))
		holds(t, filepath.Join(dir, "greeter"), "greeter", "1.0.0")
	}
}

// line is the one line of the guide's commands that begins so.
func line(t *testing.T, all []block, prefix string) string {
	t.Helper()
	for _, b := range all {
		for l := range strings.Lines(b.text) {
			if b.language == "sh" && strings.HasPrefix(l, prefix) {
				return strings.TrimSpace(l)
			}
		}
	}
	t.Fatalf("the guide has no line %q", prefix)
	return ""
}

// file gives the versions of a file in the guide, at least one.
func file(t *testing.T, all []block, name string) []block {
	t.Helper()
	var found []block
	for _, b := range all {
		if b.file == name {
			found = append(found, b)
		}
		if b.language == "go" && b.file == "" {
			t.Fatalf("a block of Go is for no file:\n%s", b.text)
		}
	}
	if len(found) == 0 {
		t.Fatalf("the guide has no %s", name)
	}
	return found
}

// holds checks that the manifest can be found in an executable.
func holds(t *testing.T, path, name, version string) {
	t.Helper()
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var s manifest.Scanner
	s.Write(binary)
	text, err := s.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if m, err := manifest.Parse(text); err != nil || m.Name != name || m.Version != version {
		t.Fatalf("it holds %+v and %v", m, err)
	}
}
