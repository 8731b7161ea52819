package variant_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/segue-run/segue/bench/internal/variant"
)

const executable = "ELF name: hello before\n" +
	"--- # segue:module/v1\nname: hello\nversion: 1.0.0\nroutes: [{path: /hello}]\n...\n" +
	"name: hello after"

func TestAVariantDiffersInItsManifestAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "variant")
	err := variant.Write([]byte(executable), file,
		variant.Change{Old: "hello", New: "hel01"}, variant.Change{Old: "version: 1.0.0", New: "version: 1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := "ELF name: hello before\n" +
		"--- # segue:module/v1\nname: hel01\nversion: 1.2.3\nroutes: [{path: /hel01}]\n...\n" +
		"name: hello after"
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o100 == 0 {
		t.Errorf("%v, %v: is not executable", info, err)
	}
}

func TestAChangeThatDoesNotFitIsRefused(t *testing.T) {
	for _, c := range []struct {
		name, executable string
		change           variant.Change
		says             string
	}{
		{"another length", executable, variant.Change{Old: "1.0.0", New: "1.0.10"}, "equal length"},
		{"text that is not there", executable, variant.Change{Old: "2.0.0", New: "2.0.1"}, "does not say"},
		{"no manifest", "ELF", variant.Change{Old: "a", New: "b"}, "no embedded manifest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "variant")
			err := variant.Write([]byte(c.executable), file, c.change)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error that says %q", err, c.says)
			}
			if _, err := os.Stat(file); err == nil {
				t.Error("a file was written all the same")
			}
		})
	}
}
