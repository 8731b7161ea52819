package artifact_test

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/segue-run/segue/runtime/artifact"
	"github.com/segue-run/segue/runtime/executable/executabletest"
	"github.com/segue-run/segue/runtime/module"
)

// BenchmarkStage takes a file of the size of a usual Go service: new each time, and
// stored already. "flushed" waits for the disk as well.
func BenchmarkStage(b *testing.B) {
	noise := make([]byte, 1<<20)
	_, _ = rand.Read(noise) // never fails
	bytes := executabletest.File{Size: 17 << 20, Fill: hex.EncodeToString(noise), Tail: embedded}.Bytes()
	for _, c := range []struct {
		name           string
		fresh, flushed bool
	}{
		{"new", true, false}, {"new and flushed", true, true}, {"stored", false, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			dir := b.TempDir()
			path := filepath.Join(dir, "hello")
			if err := os.WriteFile(path, bytes, 0o600); err != nil {
				b.Fatal(err)
			}
			s := openStore(b, artifact.Config{Dir: filepath.Join(dir, "artifacts")})
			b.SetBytes(int64(len(bytes)))
			for b.Loop() {
				f, err := os.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				a, err := s.Stage(b.Context(), f, nil)
				if err != nil {
					b.Fatal(err)
				}
				if c.flushed {
					err = a.Flush()
				}
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				f.Close()
				if err := a.Flush(); err != nil {
					b.Fatal(err)
				}
				a.Close()
				if c.fresh {
					if _, err := s.Collect(func(module.Digest) bool { return false }); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
			}
		})
	}
}
