package watch_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/watch"
)

func TestWhatIsThereAtTheStartIsOfferedOldestFirstAndMarked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i, name := range []string{"c", "a", "b"} {
		r.mv(name, r.file(name, 0))
		when := time.Unix(1e9+int64(i), 0)
		if err := os.Chtimes(r.path(name), when, when); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	for _, name := range []string{"c", "a", "b"} {
		if got := r.want("offer " + name); !got.offer.AtStart {
			t.Errorf("%s is not marked", name)
		}
	}
	r.want("scanned")
	r.mv("d", r.file("d", 0))
	if got := r.want("offer d"); got.offer.AtStart {
		t.Error("a file that came later is marked as there at the start")
	}
	r.wantNothing()
}

func TestTheStartDoesNotWaitForWhatIsUnsettledAndNamesIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.put(r.path("notes.txt"), []byte("some text"))
	r.mv("hello", r.file("", 0))
	f, err := os.OpenFile(r.path("open"), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r.start()
	r.want("offer hello")
	r.want("scanned notes.txt open")
	if got := r.want("refused notes.txt"); !got.notice.(*watch.Refused).AtStart {
		t.Error("the refusal is not marked")
	}
	if _, err := f.Write(read(t, r.path("hello"))); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := r.want("offer open"); !got.offer.AtStart {
		t.Error("what was there at the start is not marked when it settles later")
	}
	r.wantNothing()
}

func TestAMissingDirectoryIsMade(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := os.Remove(r.dir); err != nil {
		t.Fatal(err)
	}
	r.running()
	r.mv("hello", r.file("", 0))
	r.want("offer hello")
}

func TestADirectoryThatCannotBeIsRefusedWithItsName(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/file"
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", path, path + "/below"} {
		if _, err := watch.Open(watch.Config{Dir: dir}); err == nil {
			t.Errorf("opened %q", dir)
		} else {
			t.Log(err)
		}
	}
}

func TestALostDirectoryIsMadeAgainAndItsFilesDoNotCountAsRemoved(t *testing.T) {
	t.Parallel()
	for name, loss := range map[string]string{
		"removed": `rm -r "$PWD"`,
		"renamed": `mv "$PWD" "$PWD.old"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).running()
			r.mv("hello", r.file("", 0))
			r.want("offer hello")
			r.sh(loss, "")
			for until := time.Now().Add(deadline); ; time.Sleep(10 * time.Millisecond) {
				if _, err := os.Stat(r.dir); err == nil {
					break
				} else if time.Now().After(until) {
					t.Fatal(err)
				}
			}
			r.wantNothing()
			r.mv("hello", r.file("", 0))
			r.want("offer hello")
			if err := os.Remove(r.path("hello")); err != nil {
				t.Fatal(err)
			}
			r.want("removed hello")
			r.wantNothing()
		})
	}
}

func TestADirectoryThatCannotBeMadeAgainIsTriedUntilItCan(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	block := r.put(r.src+"/block", nil)
	if err := unix.Renameat2(unix.AT_FDCWD, block, unix.AT_FDCWD, r.dir, unix.RENAME_EXCHANGE); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if err := os.Remove(r.dir); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(deadline); ; time.Sleep(10 * time.Millisecond) {
		if info, err := os.Stat(r.dir); err == nil && info.IsDir() {
			break
		} else if time.Now().After(until) {
			t.Fatal(err)
		}
	}
	r.mv("hello", r.file("", 0))
	r.want("offer hello")
}

func TestARescanFindsWhatNoEventTold(t *testing.T) {
	t.Parallel()
	rigs := map[string]*rig{
		"after an overflow": newRig(t),
		"from time to time": newRig(t, func(c *watch.Config) { c.Rescan = 50 * time.Millisecond }),
	}
	for name, r := range rigs {
		t.Run(name, func(t *testing.T) {
			r.running()
			target := r.file("one", 0)
			if err := os.Symlink(target, r.path("hello")); err != nil {
				t.Fatal(err)
			}
			r.want("offer hello")
			// No event tells of what happens behind a link.
			next := r.file("two", 0)
			want := read(t, next)
			if err := os.Rename(next, target); err != nil {
				t.Fatal(err)
			}
			if name == "after an overflow" {
				r.overflow()
			}
			r.wantWhole("hello", want)
			r.wantNothing()
		})
	}
}

func TestASlowConsumerLosesNothingAndGetsOnlyWhatIsStillTrue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	notices := r.bare()
	if _, ok := (<-notices).(*watch.Scanned); !ok {
		t.Fatal("the start was not told")
	}
	for i := range 50 {
		r.mv(fmt.Sprintf("hello-%02d", i), r.file("first", 0))
	}
	time.Sleep(50 * time.Millisecond)
	for i := range 50 { // over those that wait
		r.mv(fmt.Sprintf("hello-%02d", i), r.file("second", 0))
	}
	r.sh(`rm hello-4?; cat $SRC > hello-00`, r.file("third", 0))
	// Each name's newest version comes last. An older one comes before it only where the
	// watcher had not been told of the newer one by then: of most there is one offer.
	last, offers := map[string]string{}, 0
	for done := 0; done < 40; {
		o := nextOffer(t, notices)
		want := "second"
		if o.Name == "hello-00" {
			want = "third"
		}
		bytes := tell(t, o).bytes[1024:]
		if last[o.Name] == want {
			t.Errorf("%s: offered again after its newest version", o.Name)
		}
		if last[o.Name] = "older"; strings.HasPrefix(string(bytes), want) {
			last[o.Name] = want
			done++
		}
		offers++
	}
	if offers > 60 {
		t.Errorf("%d offers of 40 names", offers)
	}
	select {
	case n := <-notices:
		t.Errorf("told %T %+v", n, n)
	case <-time.After(2 * r.cfg.RemoveGrace):
	}
}
