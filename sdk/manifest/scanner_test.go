package manifest_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/sdk/manifest"
)

// mark is the first line of an embedded manifest.
const mark = "--- # segue:module/v1\n"

// scan feeds text in pieces of size bytes.
func scan(text string, size int) ([]byte, error) {
	var s manifest.Scanner
	for piece := range slices.Chunk([]byte(text), size) {
		s.Write(piece)
	}
	return s.Manifest()
}

func TestAManifestIsFoundInAnyBytesFedInAnyPieces(t *testing.T) {
	doc := mark + "name: hello\nversion: 1.0.0\n..."
	other := mark + "name: hello\nversion: 1.0.1\n..."
	windows := strings.ReplaceAll(doc, "\n", "\r\n")
	full := mark + strings.Repeat("#", manifest.MaxSize-len(mark)-len("\n...")) + "\n..."
	noise := strings.Repeat("\x00--- # segue:module/v2\n--- #\n..\n...x", 40)
	for name, c := range map[string]struct {
		text string
		want string
		err  error
	}{
		"nothing":                       {"", "", manifest.ErrNone},
		"noise":                         {noise, "", manifest.ErrNone},
		"the marker without its break":  {noise + strings.TrimSpace(mark) + "x" + noise, "", manifest.ErrNone},
		"a cut marker":                  {noise + mark[:10], "", manifest.ErrNone},
		"alone":                         {doc, doc, nil},
		"a line break behind":           {doc + "\n", doc, nil},
		"within noise":                  {noise + doc + noise, doc, nil},
		"dots behind it":                {noise + doc + "..." + noise, doc, nil},
		"the line breaks of Windows":    {noise + windows + noise, windows, nil},
		"twice the same":                {noise + doc + noise + doc + noise, doc, nil},
		"two that differ":               {noise + doc + noise + other, "", manifest.ErrAmbiguous},
		"two that differ, side by side": {doc + other, "", manifest.ErrAmbiguous},
		"a false start before":          {noise + mark + "name: x\n" + doc + noise, doc, nil},
		"many false starts":             {strings.Repeat(mark, 50) + doc, doc, nil},
		"a marker cut by a marker":      {mark[:9] + doc, doc, nil},
		"not closed":                    {noise + mark + "name: x\n", "", manifest.ErrTooLarge},
		"as large as may be":            {noise + full + noise, full, nil},
		"a byte too large":              {noise + strings.Replace(full, "#\n...", "##\n...", 1), "", manifest.ErrTooLarge},
		"another behind one too large":  {strings.Replace(full, "#\n...", "##\n...", 1) + doc, doc, nil},
		"another behind one not closed": {mark + strings.Repeat("#", 3*manifest.MaxSize) + doc, doc, nil},
		"one not closed behind another": {doc + noise + mark + strings.Repeat("#", 3*manifest.MaxSize), doc, nil},
		"empty":                         {mark + "...", mark + "...", nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 2, 3, 7, 21, 22, 23, 24, 64, 1000, 4096, 1 << 20} {
				got, err := scan(c.text, size)
				if string(got) != c.want || !errors.Is(err, c.err) {
					t.Fatalf("in pieces of %d: got %d bytes and %v, want %d bytes and %v", size, len(got), err, len(c.want), c.err)
				}
			}
		})
	}
}

func TestEverySeamIsTried(t *testing.T) {
	doc := mark + "name: hello\n..."
	text := "--- # " + doc + "..\n" + mark
	for cut := range len(text) {
		for second := cut; second < len(text); second++ {
			var s manifest.Scanner
			for _, piece := range []string{text[:cut], text[cut:second], text[second:]} {
				io.WriteString(&s, piece)
			}
			if got, err := s.Manifest(); string(got) != doc || err != nil {
				t.Fatalf("cut at %d and %d: got %q and %v", cut, second, got, err)
			}
		}
	}
}

// build compiles a program of the given files and returns its path.
func build(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	// Built from this module, so that a program may import the package; the
	// overlay puts its files into a folder that is not there.
	overlay := `{"Replace": {`
	for name := range files {
		overlay += `"` + filepath.Join(here, "embedding", name) + `": "` + filepath.Join(dir, name) + `",`
	}
	overlay = strings.TrimSuffix(overlay, ",") + "}}"
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), []byte(overlay), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "program")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-overlay", filepath.Join(dir, "overlay.json"), "-o", out, "./embedding")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	return out
}

func scanFile(t *testing.T, path string) ([]byte, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var s manifest.Scanner
	if _, err := io.Copy(&s, f); err != nil {
		t.Fatal(err)
	}
	return s.Manifest()
}

func TestAManifestIsFoundInAnExecutableAndOnlyWhereOneIsEmbedded(t *testing.T) {
	doc := mark + "name: hello\nversion: 1.0.0\nroutes:\n  - path: /hello\n...\n"
	const program = `package main

import (
	_ "embed"
	"fmt"

	"github.com/segue-run/segue/sdk/manifest"
)

%s

func main() { m, err := manifest.Parse([]byte(text)); fmt.Println(m, err) }
`
	t.Run("embedded", func(t *testing.T) {
		path := build(t, map[string]string{
			"main.go":     strings.Replace(program, "%s", "//go:embed module.yaml\nvar text string", 1),
			"module.yaml": doc,
		})
		got, err := scanFile(t, path)
		if err != nil || string(got)+"\n" != doc {
			t.Fatalf("got %q and %v", got, err)
		}
	})
	t.Run("a host that parses them", func(t *testing.T) {
		path := build(t, map[string]string{
			"main.go": strings.Replace(program, "%s", "var text string", 1),
		})
		if got, err := scanFile(t, path); !errors.Is(err, manifest.ErrNone) {
			t.Fatalf("got %q and %v", got, err)
		}
	})
}

func FuzzScanner(f *testing.F) {
	doc := mark + "name: hello\n..."
	for _, seed := range []string{"", doc, mark + doc, doc + doc, doc + mark + "x\n...", mark, mark + "\n..", strings.ReplaceAll(doc, "\n", "\r\n"), "--- # --- # segue:module/v1\n..."} {
		f.Add([]byte(seed), uint16(1), uint16(5))
	}
	f.Fuzz(func(t *testing.T, text []byte, a, b uint16) {
		one, oneErr := scan(string(text), 1<<20)
		var s manifest.Scanner
		for rest, first := text, true; len(rest) > 0; first = !first {
			n := int(b)
			if first {
				n = int(a)
			}
			n = min(max(n, 1), len(rest))
			s.Write(rest[:n])
			rest = rest[n:]
		}
		got, err := s.Manifest()
		if !bytes.Equal(one, got) || !errors.Is(err, oneErr) {
			t.Fatalf("whole: %q, %v; in pieces of %d and %d: %q, %v", one, oneErr, a, b, got, err)
		}
	})
}

func BenchmarkScanner(b *testing.B) {
	path, err := exec.LookPath("go")
	if err != nil {
		b.Fatal(err)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(binary)))
	b.ReportAllocs()
	for b.Loop() {
		var s manifest.Scanner
		for piece := range slices.Chunk(binary, 256<<10) {
			s.Write(piece)
		}
		s.Manifest()
	}
}
