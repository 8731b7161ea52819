package watch_test

import (
	"debug/elf"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/executable/executabletest"
	"github.com/segue-run/segue/runtime/module"
)

// strangers are things that are no module: how they come to be under the name
// "thing", and what the refusal says.
var strangers = map[string]struct{ script, want string }{
	"a text file":       {`echo hello there > thing`, "text file"},
	"a shell script":    {`printf '#!/bin/sh\necho hi\n' > thing; chmod +x thing`, "scripts are not modules"},
	"an empty file":     {`: > thing`, "empty"},
	"a directory":       {`mkdir thing; : > thing/inside`, "a directory"},
	"a dangling link":   {`ln -s nowhere thing`, "leads nowhere"},
	"a link to itself":  {`ln -s thing thing`, "leads nowhere"},
	"a link to a dir":   {`ln -s / thing`, "a directory"},
	"a pipe":            {`mkfifo thing`, "a named pipe"},
	"a device":          {`ln -s /dev/null thing`, "a device"},
	"a link to a pipe":  {`mkfifo .pipe; ln -s .pipe thing`, "a named pipe"},
	"a Windows program": {`printf 'MZ\220\0' > thing`, "Windows"},
	"a text in pieces":  {`for i in 1 2 3 4 5 6 7 8; do echo $i >> thing; sleep 0.02; done`, "text file"},
	"half an ELF":       {`head -c 2000 $SRC > thing`, "announces 4096 bytes, the file has 2000"},
}

func TestWhatIsNoModuleIsRefusedOnceAndAgainOnlyWhenItChanges(t *testing.T) {
	t.Parallel()
	for name, c := range strangers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).running()
			src := r.file("", 0)
			r.sh(c.script, src)
			got := r.want("refused thing")
			if got.err.Kind != module.Invalid || got.err.Value != "thing" || got.err.Hint == "" || !strings.Contains(got.err.Error(), c.want) {
				t.Errorf("refused with %#v", got.err)
			}
			r.wantNothing()
			r.overflow() // looks at everything again
			r.wantNothing()
			r.sh(`rm -rf thing; mv $SRC thing`, src)
			r.want("offer thing")
			r.wantNothing()
		})
	}
}

func TestASocketAndAnotherMachinesExecutableAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	// Paths of sockets are short: bind elsewhere, and move it in.
	short, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(short)
	l, err := net.Listen("unix", filepath.Join(short, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r.mv("thing", filepath.Join(short, "s"))
	if got := r.want("refused thing"); !strings.Contains(got.err.Error(), "a socket") {
		t.Errorf("refused with %v", got.err)
	}
	r.put(r.path("other"), executabletest.File{Machine: elf.EM_S390}.Bytes())
	if got := r.want("refused other"); !strings.Contains(got.err.Error(), "GOARCH=") {
		t.Errorf("refused with %v", got.err)
	}
	r.wantNothing()
}

func TestTheTextOfARefusalThatRepeatsWithOtherBytesIsToldAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	for range 3 {
		r.sh(`echo text > thing`, "")
		r.want("refused thing")
	}
	r.sh(`chmod 600 thing; chmod 644 thing`, "")
	r.wantNothing()
}

func TestUnfinishedAndHiddenNamesAreIgnored(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	src := r.file("", 0)
	r.sh(`for f in .hidden .hello.x8Kd2 hello~ hello.part hello.tmp hello.filepart .hello.swp hello.crdownload '#hello#'; do cp $SRC "$f"; done`, src)
	r.wantNothing()
}

func TestALinkOffersWhatItPointsTo(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	one, two := r.file("one", 0), r.file("two", 0)
	r.sh(`ln -s $SRC hello`, one)
	r.wantWhole("hello", read(t, one))
	r.sh(`ln -sfn $SRC hello`, two)
	r.wantWhole("hello", read(t, two))
	r.sh(`rm hello`, "")
	r.want("removed hello")
	r.wantNothing()
}

func TestAnOrdinaryUserIsToldOfWhatItCannotReadAndTakesItThen(t *testing.T) {
	if asOrdinaryUser(t) {
		return
	}
	r := newRig(t).running()
	src := r.file("", 0)
	r.sh(`cp $SRC .hello; chmod 0 .hello; mv .hello hello`, src)
	if got := r.want("refused hello"); !strings.Contains(got.err.Error(), "permission denied") {
		t.Errorf("refused with %v", got.err)
	}
	r.wantNothing()
	r.sh(`chmod 644 hello`, "")
	r.wantWhole("hello", read(t, src))
	r.wantNothing()
}

// A lease on another user's file is not to be had: the file must rest.
func TestAnotherOwnersFileIsTakenWhenItRests(t *testing.T) {
	if asOrdinaryUser(t) {
		return
	}
	r := newRig(t)
	foreign := "/proc/self/exe"
	for _, path := range []string{"/usr/bin/true", "/bin/true", "/usr/bin/env"} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			foreign = path
			break
		}
	}
	if err := os.Symlink(foreign, r.path("early")); err != nil {
		t.Fatal(err)
	}
	r.start()
	want := read(t, foreign)
	r.wantWhole("early", want)
	r.want("scanned") // which waited for it
	if err := os.Symlink(foreign, r.path("late")); err != nil {
		t.Fatal(err)
	}
	r.wantWhole("late", want)
	r.wantNothing()
}

func TestVerifyFindsAChangeThatNoLeaseKeptOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	notices := r.bare()
	r.mv("hello", r.file("", 0))
	o := nextOffer(t, notices)
	defer o.Close()
	if err := o.Verify(); err != nil {
		t.Fatalf("nothing changed, yet: %v", err)
	}
	if err := os.Chtimes(r.path("hello"), o.ModTime, o.ModTime.Add(1)); err != nil {
		t.Fatal(err)
	}
	if err := o.Verify(); module.KindOf(err) != module.Unavailable {
		t.Fatalf("a change was not found: %v", err)
	}
}
