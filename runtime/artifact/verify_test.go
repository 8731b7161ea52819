package artifact_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/artifact"
	"github.com/segue-run/segue/runtime/module"
)

func TestAFileRewrittenInPlaceIsNoticedByVerify(t *testing.T) {
	for name, get := range map[string]func(*testing.T, *artifact.Store) *artifact.Artifact{
		"staged": func(t *testing.T, s *artifact.Store) *artifact.Artifact { return stage(t, s, executable(""), nil) },
		"staged again": func(t *testing.T, s *artifact.Store) *artifact.Artifact {
			stage(t, s, executable(""), nil)
			return stage(t, s, executable(""), nil)
		},
		"loaded": func(t *testing.T, s *artifact.Store) *artifact.Artifact {
			a, err := s.Load(t.Context(), stage(t, s, executable(""), nil).Digest)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { a.Close() })
			return a
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := openIn(t)
			a := get(t, s)
			time.Sleep(60 * time.Millisecond) // until the file's time of change is past
			if err := a.Flush(); err != nil {
				t.Error(err)
			}
			stage(t, s, executable(""), nil) // which is there already
			if !bytes.Equal(contents(t, a), executable("")) {
				t.Error("it holds something else")
			}
			if err := a.Verify(); err != nil {
				t.Errorf("nobody changed it, yet: %v", err)
			}
			damage(t, filepath.Join(dir, string(a.Digest)))
			if err := a.Verify(); module.KindOf(err) != module.Internal || !strings.Contains(err.Error(), "changed after it was verified") {
				t.Errorf("after a change: %v", err)
			}
			if _, err := s.Load(t.Context(), a.Digest); module.KindOf(err) != module.Internal || !strings.Contains(err.Error(), "damaged") {
				t.Errorf("load: %v", err)
			}
			a.Close()
			if err := a.Verify(); err == nil {
				t.Error("a closed artifact is verified")
			}
		})
	}
}
