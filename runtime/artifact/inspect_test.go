package artifact_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/artifact"
	"github.com/segue-run/segue/runtime/module"
)

func TestInspectTellsWhatTheStoreWould(t *testing.T) {
	for name, c := range map[string]struct {
		bytes    []byte
		sidecar  string
		source   string
		problems []string
	}{
		"embedded":          {executable(""), "", "embedded", nil},
		"sidecar":           {plain(), body, "sidecar", nil},
		"both":              {executable(""), body, "embedded", nil},
		"both, otherwise":   {executable(""), strings.Replace(body, "1.0.0", "1.0.1", 1), "embedded", []string{"something else"}},
		"none":              {plain(), "", "", []string{"no manifest found"}},
		"a text":            {[]byte("text"), "", "", []string{"text file", "no manifest found"}},
		"a wrong sidecar":   {plain(), strings.Repeat("#", 300000), "sidecar", []string{"manifest"}},
		"cut off with body": {executable("")[:1<<15], body, "sidecar", []string{"truncated"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hello")
			if err := os.WriteFile(path, c.bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			var sidecar []byte
			if c.sidecar != "" {
				sidecar = []byte(c.sidecar)
				if err := os.WriteFile(path+".module.yaml", sidecar, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := artifact.Inspect(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if got.Source != c.source || got.Size != int64(len(c.bytes)) || len(got.Problems) != len(c.problems) {
				t.Fatalf("inspected %+v", got)
			}
			for i, want := range c.problems {
				if !strings.Contains(got.Problems[i].Error(), want) {
					t.Errorf("problem %q does not say %q", got.Problems[i], want)
				}
			}
			if len(c.problems) > 0 {
				return
			}
			if a := stage(t, openStore(t, artifact.Config{}), c.bytes, sidecar); got.Digest != a.Digest || got.Manifest.Name != "hello" {
				t.Errorf("inspected %s, staged %s", got.Digest, a.Digest)
			}
		})
	}
}

func TestInspectNeverWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]module.Kind{
		path:             module.Invalid,
		t.TempDir():      module.Invalid,
		path + "-absent": module.NotFound,
	} {
		if _, err := artifact.Inspect(t.Context(), path); module.KindOf(err) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}
