package watch_test

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAFileThatStaysAbsentIsReportedAsRemovedOnce(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"deleted":      `rm hello`,
		"moved away":   `mv hello ../src/`,
		"hidden":       `mv hello .hello`,
		"with sidecar": `rm hello hello.module.yaml`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).running()
			if name == "with sidecar" {
				r.put(r.path("hello.module.yaml"), []byte("name: hello"))
			}
			r.mv("hello", r.file("", 0))
			r.want("offer hello")
			r.sh(script, "")
			r.want("removed hello")
			r.wantNothing()
		})
	}
}

func TestAFileThatComesBackInTimeIsNotRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	src := r.file("", 0)
	r.sh(`cp -p $SRC hello`, src)
	r.want("offer hello")
	r.sh(`rm hello; sleep 0.05; cp -p $SRC hello`, src)
	r.want("offer hello")
	r.wantNothing()
}

func TestARenameInsideOffersTheNewNameAndRemovesTheOld(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	r.mv("old", r.file("", 0))
	want := r.want("offer old").bytes
	r.sh(`mv old new`, "")
	r.wantWhole("new", want)
	r.want("removed old")
	r.wantNothing()
}

// Of a directory above nothing is told: that it moved shows only when something happens
// in it.
func TestADirectoryThatMovedWithTheOneAboveItSaysNothingOfItsFiles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	above := filepath.Join(filepath.Dir(r.dir), "above")
	r.dir = filepath.Join(above, "modules")
	r.cfg.Dir = r.dir
	r.running()
	r.mv("hello", r.file("", 0))
	r.want("offer hello")
	if err := os.Rename(above, above+"-moved"); err != nil {
		t.Fatal(err)
	}
	r.put(filepath.Join(above+"-moved", "modules", "hello"), []byte("text"))
	r.wantNothing() // and it is watched again where it was
}

func TestWhatWasNeverOfferedIsNeverRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	r.put(r.path("notes.txt"), []byte("text"))
	r.want("refused notes.txt")
	r.sh(`rm notes.txt`, "")
	r.wantNothing()
}

func TestAnOfferedFileReplacedByNoModuleIsRefusedAndOnlyThenRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	r.mv("hello", r.file("", 0))
	r.want("offer hello")
	r.sh(`echo text > hello`, "")
	r.want("refused hello")
	r.sh(`rm hello`, "")
	r.want("removed hello")
	r.wantNothing()
}

func TestAWithdrawnNameKnowsNothingOfBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	r.mv("hello", r.file("", 0))
	r.want("offer hello")
	if err := os.Rename(r.path("hello"), r.src+"/kept"); err != nil {
		t.Fatal(err)
	}
	r.want("removed hello")
	r.mv("hello", r.src+"/kept") // the very same inode
	r.want("offer hello")
	r.wantNothing()
}
