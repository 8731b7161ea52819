package artifact_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/segue-run/segue/runtime/artifact"
	"github.com/segue-run/segue/runtime/executable/executabletest"
	"github.com/segue-run/segue/runtime/module"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const body = "name: hello\nversion: 1.0.0\nroutes:\n  - path: /hello\n"

// embedded is a manifest as it stands in an executable.
const embedded = "--- # segue:module/v1\n" + body + "...\n"

func openStore(t testing.TB, cfg artifact.Config) *artifact.Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(t.TempDir(), "artifacts")
	}
	cfg.Logger = zaptest.NewLogger(t)
	s, err := artifact.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openIn is a store in a directory that the test looks into.
func openIn(t testing.TB) (*artifact.Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "artifacts")
	return openStore(t, artifact.Config{Dir: dir}), dir
}

// executable is a whole executable with its manifest embedded.
func executable(fill string) []byte {
	return executabletest.File{Size: 64 << 10, Fill: fill, Tail: embedded}.Bytes()
}

// plain is one without a manifest.
func plain() []byte { return executabletest.File{}.Bytes() }

func stage(t testing.TB, s *artifact.Store, b, sidecar []byte) *artifact.Artifact {
	t.Helper()
	a, err := s.Stage(t.Context(), bytes.NewReader(b), sidecar)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func sum(b []byte) module.Digest {
	h := sha256.Sum256(b)
	return module.Digest(hex.EncodeToString(h[:]))
}

func contents(t testing.TB, a *artifact.Artifact) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(a.File(), 0, a.Size))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// names are the files in a directory.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}
