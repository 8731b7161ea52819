package artifact_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/artifact"
	"github.com/segue-run/segue/runtime/executable/executabletest"
	"github.com/segue-run/segue/runtime/module"
)

func TestAStagedFileIsKnownByItsDigestAndReadOnly(t *testing.T) {
	want := executable("one")
	path := filepath.Join(t.TempDir(), "hello")
	if err := os.WriteFile(path, want, 0o644); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, src := range map[string]io.Reader{
		"a file":          file,
		"a stream":        bytes.NewReader(want),
		"byte by byte":    iotest.OneByteReader(bytes.NewReader(want)),
		"data with error": iotest.DataErrReader(bytes.NewReader(want)),
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := openIn(t)
			a, err := s.Stage(t.Context(), src, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if a.Digest != sum(want) || a.Size != int64(len(want)) || !bytes.Equal(contents(t, a), want) {
				t.Errorf("staged %s with %d bytes, want %s with %d", a.Digest, a.Size, sum(want), len(want))
			}
			if a.Release().String() != "hello@1.0.0" || string(a.ManifestText)+"\n" != embedded {
				t.Errorf("it is %s with %q", a.Release(), a.ManifestText)
			}
			info, err := os.Stat(filepath.Join(dir, string(a.Digest)))
			if err != nil || info.Mode() != 0o555 {
				t.Errorf("stored as %v: %v", info, err)
			}
			if _, err := a.File().WriteAt([]byte("x"), 0); err == nil {
				t.Error("the descriptor can be written to")
			}
			if err := a.Flush(); err != nil {
				t.Error(err)
			}
			if got := names(t, dir); len(got) != 1 {
				t.Errorf("the directory holds %q", got)
			}
			if err := errors.Join(a.Close(), a.Close()); err != nil {
				t.Errorf("closing twice: %v", err)
			}
		})
	}
}

func TestTheDescriptorOfAnArtifactCanBeExecuted(t *testing.T) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	s := openStore(t, artifact.Config{})
	a, err := s.Stage(t.Context(), self, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	// A fork elsewhere may have had the writer: see "text file busy" in the package's
	// words.
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		cmd := exec.Command("/proc/self/fd/3", "-test.list", "^"+t.Name()+"$")
		cmd.ExtraFiles = []*os.File{a.File()}
		out, err := cmd.CombinedOutput()
		if errors.Is(err, unix.ETXTBSY) && time.Now().Before(until) {
			continue
		}
		if err != nil || !strings.Contains(string(out), t.Name()) {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
}

func TestWhatIsNoReleaseIsRefusedAndLeavesNothing(t *testing.T) {
	with := func(tail string) []byte { return executabletest.File{Size: 32 << 10, Tail: tail}.Bytes() }
	cut := executable("")
	for name, c := range map[string]struct {
		bytes   []byte
		sidecar string
		kind    module.Kind
		want    []string
	}{
		"no bytes":               {nil, "", module.Invalid, []string{"empty"}},
		"a text":                 {[]byte("hello"), "", module.Invalid, []string{"text file"}},
		"a text with a sidecar":  {[]byte("hello"), body, module.Invalid, []string{"text file"}},
		"cut off":                {cut[:len(cut)-1], "", module.Invalid, []string{"announces 65536 bytes, the file has 65535"}},
		"too big":                {executabletest.File{Size: 200 << 10, Tail: embedded}.Bytes(), "", module.Quota, []string{"the limit is 131072"}},
		"without a manifest":     {plain(), "", module.Invalid, []string{"no manifest found", "go:embed", "NAME.module.yaml", "docs/writing-a-module.md"}},
		"two manifests":          {with(embedded + strings.Replace(embedded, "1.0.0", "2.0.0", 1)), "", module.Invalid, []string{"two different manifests"}},
		"an open manifest":       {with(strings.TrimSuffix(embedded, "...\n")), "", module.Invalid, []string{"no closing line"}},
		"a name with a path":     {with(strings.Replace(embedded, "hello\nv", "../x\nv", 1)), "", module.Invalid, []string{"name", "../x"}},
		"an unknown field":       {with(strings.Replace(embedded, "name:", "nick: x\nname:", 1)), "", module.Invalid, []string{"nick"}},
		"two things wrong":       {with(strings.NewReplacer("1.0.0", "one", "/hello", "hello").Replace(embedded)), "", module.Invalid, []string{"version", "also wrong", "routes[0].path"}},
		"a sidecar that is none": {plain(), "- a list", module.Invalid, []string{"sidecar"}},
		"another sidecar":        {executable(""), strings.Replace(body, "1.0.0", "1.0.1", 1), module.Conflict, []string{"sidecar", "something else", "remove the sidecar"}},
		"a wrong sidecar beside": {executable(""), "name: 1", module.Invalid, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "artifacts")
			s := openStore(t, artifact.Config{Dir: dir, MaxSize: 128 << 10})
			var sidecar []byte
			if c.sidecar != "" {
				sidecar = []byte(c.sidecar)
			}
			a, err := s.Stage(t.Context(), bytes.NewReader(c.bytes), sidecar)
			if err == nil {
				a.Close()
				t.Fatal("it was staged")
			}
			var refusal *module.Error
			if !errors.As(err, &refusal) || refusal.Kind != c.kind {
				t.Errorf("refused with %#v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q has more than one line", err)
			}
			if got := names(t, dir); len(got) != 0 {
				t.Errorf("left behind: %q", got)
			}
		})
	}
}

func TestWhatIsToldOfAManifestIsBounded(t *testing.T) {
	var routes strings.Builder
	for range 250 {
		routes.WriteString("  - path: " + strings.Repeat("x", 500) + "\n")
	}
	for name, c := range map[string]struct{ text, want string }{
		"many problems":    {"name: hello\nversion: 1.0.0\nroutes:\n" + routes.String(), "and 245 more"},
		"a long field":     {strings.Repeat("x", 100<<10) + ": 1\n" + body, "is no field"},
		"a field of lines": {`"a\nb\e[2J": 1` + "\n" + body, "is no field"},
		"a long value":     {strings.Replace(body, "1.0.0", strings.Repeat("1", 100<<10), 1), "version"},
		"a long document":  {"- " + strings.Repeat("x", 200<<10), "no mapping"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openStore(t, artifact.Config{}).Stage(t.Context(), bytes.NewReader(plain()), []byte(c.text))
			var refusal *module.Error
			if !errors.As(err, &refusal) {
				t.Fatalf("refused with %#v", err)
			}
			all := err.Error() + refusal.Field + refusal.Value + refusal.Msg + refusal.Hint
			if len(all) > 6000 || strings.ContainsAny(all, "\n\x1b") || !strings.Contains(all, c.want) {
				t.Errorf("refused with %d bytes: %.3000q", len(all), all)
			}
		})
	}
}

func TestAFileTooBigIsRefusedBeforeItIsCopied(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := openStore(t, artifact.Config{})
	if _, err := s.Stage(t.Context(), f, nil); module.KindOf(err) != module.Quota {
		t.Fatalf("got %v", err)
	}
}

func TestASourceThatBreaksOffLeavesNothing(t *testing.T) {
	s, dir := openIn(t)
	broken := errors.New("the line went dead")
	_, err := s.Stage(t.Context(), io.MultiReader(bytes.NewReader(executable("")[:1000]), iotest.ErrReader(broken)), nil)
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("the host stops")
	cancel(stopped)
	if _, err := s.Stage(ctx, bytes.NewReader(executable("")), nil); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
}

func TestASidecarIsPartOfTheDigest(t *testing.T) {
	s, dir := openIn(t)
	one, two := []byte(body), []byte(strings.Replace(body, "1.0.0", "2.0.0", 1))
	a, b := stage(t, s, plain(), one), stage(t, s, plain(), two)
	if a.Digest == b.Digest || a.Digest == sum(plain()) {
		t.Errorf("digests %s and %s", a.Digest, b.Digest)
	}
	exe, side := sha256.Sum256(plain()), sha256.Sum256(one)
	if want := sum(append(exe[:], side[:]...)); a.Digest != want {
		t.Errorf("digest %s, want %s", a.Digest, want)
	}
	for _, c := range []struct {
		a    *artifact.Artifact
		text []byte
	}{{a, one}, {b, two}} {
		stored, err := os.ReadFile(filepath.Join(dir, string(c.a.Digest)+".module.yaml"))
		if err != nil || !bytes.Equal(stored, c.text) || !bytes.Equal(c.a.ManifestText, c.text) {
			t.Errorf("stored beside it: %q, %v", stored, err)
		}
		loaded, err := s.Load(t.Context(), c.a.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if loaded.Release() != c.a.Release() || !bytes.Equal(loaded.ManifestText, c.text) {
			t.Errorf("loaded %v, staged %v", loaded.Release(), c.a.Release())
		}
		loaded.Close()
	}
}

func TestASidecarThatSaysTheSameCountsForNothing(t *testing.T) {
	s, dir := openIn(t)
	a := stage(t, s, executable(""), []byte("# the same, written otherwise\n"+body))
	if a.Digest != sum(executable("")) {
		t.Error("the sidecar is in the digest")
	}
	if got := names(t, dir); !slices.Equal(got, []string{string(a.Digest)}) {
		t.Errorf("the directory holds %q", got)
	}
}

func TestTheSameBytesAgainKeepTheStoredFileWhileItIsIntact(t *testing.T) {
	for name, sidecar := range map[string][]byte{"embedded": nil, "sidecar": []byte(body)} {
		t.Run(name, func(t *testing.T) {
			s, dir := openIn(t)
			want := executable("")
			if sidecar != nil {
				want = plain()
			}
			first := stage(t, s, want, sidecar)
			path := filepath.Join(dir, string(first.Digest))
			before := inode(t, path)
			for range 3 {
				time.Sleep(60 * time.Millisecond) // until the file's time of change is past
				again := stage(t, s, want, sidecar)
				if err := again.Flush(); err != nil {
					t.Error(err)
				}
				if again.Digest != first.Digest || inode(t, path) != before {
					t.Error("the stored file was replaced")
				}
			}
			damage(t, path)
			again := stage(t, s, want, sidecar)
			if inode(t, path) == before || !bytes.Equal(contents(t, again), want) {
				t.Error("the damaged file was kept")
			}
			if sidecar != nil {
				damage(t, path+".module.yaml")
				again = stage(t, s, want, sidecar)
			}
			loaded, err := s.Load(t.Context(), again.Digest)
			if err != nil {
				t.Fatal(err)
			}
			loaded.Close()
			if err := s.Close(); err != nil { // waits for the copies that were not wanted
				t.Error(err)
			}
			for _, name := range names(t, dir) {
				if strings.HasPrefix(name, ".") {
					t.Errorf("left behind: %s", name)
				}
			}
		})
	}
}

func TestManyMayStageLoadAndCollectAtOnce(t *testing.T) {
	s, dir := openIn(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 10 {
				want := executable([]string{"a", "b"}[(i+j)%2])
				a, err := s.Stage(t.Context(), bytes.NewReader(want), nil)
				if err != nil {
					t.Error(err)
					return
				}
				b, err := s.Load(t.Context(), a.Digest)
				if err != nil {
					t.Errorf("load what is held: %v", err)
				} else {
					b.Close()
				}
				a.Close()
			}
		})
	}
	wg.Go(func() {
		for range 40 {
			if _, err := s.Collect(func(module.Digest) bool { return false }); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Collect(func(module.Digest) bool { return false }); err != nil {
		t.Error(err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

// damage changes one byte of a stored file.
func damage(t *testing.T, path string) {
	t.Helper()
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], 8); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b[:], 8); err != nil {
		t.Fatal(err)
	}
}
