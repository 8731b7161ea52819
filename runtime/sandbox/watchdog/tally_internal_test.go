package watchdog

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// counted is what a folder holds, of at most so much.
func counted(t *testing.T, dir string, most int64) int64 {
	t.Helper()
	tally := tally{most: most, linked: map[inode]bool{}}
	if err := tally.folder(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	return tally.used
}

func fill(t *testing.T, path string, size int) {
	t.Helper()
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAFolderHoldsWhatLiesInItAtAnyDepthAndNothingElse(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	fill(t, filepath.Join(outside, "big"), 8<<20)
	deep := filepath.Join(dir, "a", "b", "c")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Join(deep, "file"), 1<<20)
	before := counted(t, dir, 1<<30)
	if before < 1<<20 || before > 2<<20 {
		t.Errorf("it holds %d", before)
	}
	for link, to := range map[string]string{"folder": outside, "file": filepath.Join(outside, "big"), "up": ".."} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(deep, "file"), filepath.Join(dir, "again")); err != nil {
		t.Fatal(err)
	}
	if after := counted(t, dir, 1<<30); after < before || after > before+64<<10 {
		t.Errorf("links made %d of %d", after, before)
	}
}

func TestASparseFileHoldsWhatItTakes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sparse")
	fill(t, path, 0)
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Fatal(err)
	}
	if got := counted(t, dir, 1<<30); got > 1<<20 {
		t.Errorf("it holds %d", got)
	}
}

func TestTheNumberOfEntriesIsBoundByTheQuota(t *testing.T) {
	for what, add := range map[string]func(path, first string) error{
		"empty files":   func(path, _ string) error { return os.WriteFile(path, nil, 0o600) },
		"small files":   func(path, _ string) error { return os.WriteFile(path, []byte("x"), 0o600) },
		"folders":       func(path, _ string) error { return os.Mkdir(path, 0o700) },
		"links":         func(path, _ string) error { return os.Symlink("x", path) },
		"names of one":  func(path, first string) error { return os.Link(first, path) },
		"pipes":         func(path, _ string) error { return unix.Mkfifo(path, 0o600) },
		"names of pipe": func(path, first string) error { return os.Link(first+".pipe", path) },
	} {
		dir := t.TempDir()
		first := filepath.Join(dir, "first")
		fill(t, first, 1)
		if err := unix.Mkfifo(first+".pipe", 0o600); err != nil {
			t.Fatal(err)
		}
		const most = 100
		for n := range most {
			if got := counted(t, dir, 1<<30); got > (most+2)*leastCharge*2 {
				t.Fatalf("%d %s hold %d", n, what, got)
			}
			if err := add(filepath.Join(dir, strconv.Itoa(n)), first); err != nil {
				t.Fatal(err)
			}
		}
		if got := counted(t, dir, 1<<30); got < (most+2)*leastCharge {
			t.Errorf("%s: %d hold %d", what, most+2, got)
		}
	}
}

func TestWhatIsNestedTooDeepToBeCountedIsOverEveryQuota(t *testing.T) {
	dir := t.TempDir()
	name := strings.Repeat("d", 200)
	at, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 30 { // 6,000 bytes of path
		if err := unix.Mkdirat(at, name, 0o700); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(at, name, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(at)
		at = next
	}
	unix.Close(at)
	if got := counted(t, dir, 1<<40); got != uncountable {
		t.Errorf("it holds %d", got)
	}
}

func TestAFolderThatIsNotThereHoldsNothing(t *testing.T) {
	if got := counted(t, filepath.Join(t.TempDir(), "none"), 1); got != 0 {
		t.Errorf("it holds %d", got)
	}
}

func TestALinkInTheFoldersPlaceIsNotFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/", path); err != nil {
		t.Fatal(err)
	}
	tally := tally{most: 1 << 40, linked: map[inode]bool{}}
	if err := tally.folder(t.Context(), path); err == nil {
		t.Errorf("it holds %d", tally.used)
	}
}

func TestABucketKeepsItsShare(t *testing.T) {
	for _, c := range []struct {
		name           string
		share          float64
		elapsed, taken time.Duration
		debt           time.Duration
	}{
		{"nothing taken", 0.5, time.Second, 0, 0},
		{"just the share", 0.5, 100 * time.Millisecond, 50 * time.Millisecond, 0},
		{"twice a full bucket", 0.5, 0, 100 * time.Millisecond, 100 * time.Millisecond},
		{"more than is ever asked back", 0.5, 0, time.Minute, longestStop},
		{"two processors of one and a half", 1.5, 200 * time.Millisecond, 400 * time.Millisecond, 66666666},
	} {
		b := bucket{share: c.share}
		b.fill()
		b.spend(0, b.most()) // empty
		b.spend(c.elapsed, c.taken)
		want := c.debt
		if c.name == "twice a full bucket" {
			want = 200 * time.Millisecond
		}
		if got := b.debt(); got != want {
			t.Errorf("%s: %s is owed, want %s", c.name, got, want)
		}
		if b.left > b.most() {
			t.Errorf("%s: more is left than fits", c.name)
		}
	}
}
