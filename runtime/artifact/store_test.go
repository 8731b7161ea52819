package artifact_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/artifact"
	"github.com/segue-run/segue/runtime/module"
)

func TestOpeningMakesTheDirectoryPrivateAndRemovesLeftovers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "artifacts")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".staging-123", "note"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openStore(t, artifact.Config{Dir: dir})
	if got := names(t, dir); !slices.Equal(got, []string{"note"}) {
		t.Errorf("the directory holds %q", got)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
}

func TestADirectoryThatCannotBeIsRefusedWithItsName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", file, filepath.Join(file, "below")} {
		_, err := artifact.Open(artifact.Config{Dir: dir})
		var refusal *module.Error
		if !errors.As(err, &refusal) || refusal.Value != dir {
			t.Errorf("%q: %v", dir, err)
		}
	}
}

func TestLoadChecksWhatItFinds(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(t *testing.T, path string)
		kind module.Kind
	}{
		"nothing wrong":   {func(*testing.T, string) {}, ""},
		"other bytes":     {damage, module.Internal},
		"other sidecar":   {func(t *testing.T, path string) { damage(t, path+".module.yaml") }, module.Internal},
		"no sidecar":      {func(t *testing.T, path string) { remove(t, path+".module.yaml") }, module.Internal},
		"nothing there":   {remove, module.NotFound},
		"cut off":         {func(t *testing.T, path string) { damage(t, path); truncate(t, path) }, module.Internal},
		"a link in place": {func(t *testing.T, path string) { remove(t, path); symlink(t, path) }, module.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := openIn(t)
			a := stage(t, s, plain(), []byte(body))
			a.Close()
			c.harm(t, filepath.Join(dir, string(a.Digest)))
			b, err := s.Load(t.Context(), a.Digest)
			if c.kind == "" {
				if err != nil {
					t.Fatal(err)
				}
				defer b.Close()
				if b.Release() != a.Release() || b.Size != a.Size || b.Flush() != nil {
					t.Errorf("loaded %+v", b)
				}
				return
			}
			var refusal *module.Error
			if !errors.As(err, &refusal) || refusal.Kind != c.kind || !strings.Contains(refusal.Hint, "drop the") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestLoadTakesNothingButADigest(t *testing.T) {
	s := openStore(t, artifact.Config{})
	for _, d := range []module.Digest{"", "../../etc/passwd", module.Digest(strings.Repeat("z", 64)), "abc"} {
		if _, err := s.Load(t.Context(), d); module.KindOf(err) != module.Invalid {
			t.Errorf("%q: %v", d, err)
		}
	}
}

func TestCollectRemovesWhatNobodyWantsAndNobodyHas(t *testing.T) {
	s, dir := openIn(t)
	held, kept := stage(t, s, executable("held"), nil), stage(t, s, executable("kept"), nil)
	gone, side := stage(t, s, executable("gone"), nil), stage(t, s, plain(), []byte(body))
	again, err := s.Load(t.Context(), held.Digest)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []*artifact.Artifact{held, held, kept, gone, side} { // held twice is closed once
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	keep := func(d module.Digest) bool { return d == kept.Digest }
	freed, err := s.Collect(keep)
	if want := gone.Size + side.Size + int64(len(body)); err != nil || freed != want {
		t.Errorf("freed %d, %v; want %d", freed, err, want)
	}
	want := []string{string(held.Digest), string(kept.Digest)}
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("the directory holds %q, want %q", got, want)
	}
	again.Close()
	if freed, err = s.Collect(keep); err != nil || freed != held.Size {
		t.Errorf("freed %d, %v", freed, err)
	}
}

func TestFlushBringsAllToTheDiskOnceAndTellsItsError(t *testing.T) {
	s, dir := openIn(t)
	failure := errors.New("the disk is broken")
	var synced []string
	s.Inject(artifact.Faults{Sync: func(f *os.File) error {
		synced = append(synced, strings.TrimPrefix(f.Name(), dir+"/"))
		if strings.HasSuffix(f.Name(), ".module.yaml") {
			return failure
		}
		return f.Sync()
	}})
	good, bad := stage(t, s, executable(""), nil), stage(t, s, plain(), []byte(body))
	if len(synced) > 0 {
		t.Errorf("staging flushed %q", synced)
	}
	for range 2 {
		if err := good.Flush(); err != nil {
			t.Error(err)
		}
	}
	if want := []string{string(good.Digest), dir}; !slices.Equal(synced, want) {
		t.Errorf("flushed %q, want %q", synced, want)
	}
	for range 2 {
		if err := bad.Flush(); !errors.Is(err, failure) {
			t.Errorf("got %v", err)
		}
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string) {
	t.Helper()
	if err := os.Truncate(path, 2000); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, path string) {
	t.Helper()
	if err := os.Symlink("/proc/self/exe", path); err != nil {
		t.Fatal(err)
	}
}
