package watch_test

import (
	"bytes"
	"io"
	"os"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/executable/executabletest"
	"github.com/segue-run/segue/runtime/watch"
)

const megabyte = 1 << 20

// arrivals are the ways in which people bring a file into a directory. Each is a
// script in that directory; the file is $SRC and its name there is "hello".
var arrivals = map[string]string{
	"mv":                     `cp $SRC ../src/moved; mv ../src/moved hello`,
	"cp":                     `cp $SRC hello`,
	"cp with times":          `cp -p $SRC hello`,
	"cp without reflink":     `cp --reflink=never --sparse=always $SRC hello`,
	"cp -f over":             `cp --remove-destination $SRC hello`,
	"rsync":                  `rsync -a --ignore-times $SRC hello`,
	"rsync in place":         `rsync -a --ignore-times --inplace --no-whole-file $SRC hello`,
	"scp":                    `scp -q $SRC hello`,
	"install":                `install -m 755 $SRC hello`,
	"install -C":             `install -C -m 700 $SRC hello`,
	"overwrite in place":     `cat $SRC > hello`,
	"dd in small blocks":     `dd if=$SRC of=hello bs=4k status=none`,
	"write and rename":       `cat $SRC > .hello.tmp; chmod 755 .hello.tmp; mv .hello.tmp hello`,
	"write and rename aside": `cat $SRC > hello.part; mv hello.part hello`,
	"hard link":              `ln -f $SRC hello`,
	"remove and copy":        `rm -f hello; cp $SRC hello; chmod 700 hello`,
	"slow with pauses": `exec 3> hello; i=0
		while [ $i -lt 4 ]; do dd if=$SRC bs=524288 skip=$i count=1 status=none >&3; sleep 0.2; i=$((i+1)); done`,
	"slow, closing in between": `: > hello; i=0
		while [ $i -lt 4 ]; do dd if=$SRC bs=524288 skip=$i count=1 status=none >> hello; sleep 0.2; i=$((i+1)); done`,
}

func TestEachWayOfDroppingANewFileOffersItOnce(t *testing.T) {
	for name, script := range arrivals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).running()
			src := r.file("one", 2*megabyte)
			r.sh(script, src)
			r.wantWhole("hello", read(t, src))
			r.wantNothing()
		})
	}
}

func TestEachWayOfReplacingAFileOffersTheNewOneOnce(t *testing.T) {
	for name, script := range arrivals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).running()
			old := r.file("one", 2*megabyte)
			was := read(t, old)
			r.mv("hello", old)
			r.wantWhole("hello", was)
			src := r.file("two", 2*megabyte)
			r.sh(script, src)
			r.wantWhole("hello", read(t, src))
			r.wantNothing()
		})
	}
}

func TestAWriterThatSetsModeAndTimesBeforeItClosesOffersOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	want := executabletest.File{Size: megabyte, Fill: "sftp"}.Bytes()
	f, err := os.OpenFile(r.path("hello"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(want); at += 32 << 10 {
		if _, err := f.Write(want[at : at+32<<10]); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Chmod(0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(r.path("hello"), time.Unix(1e9, 0), time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := r.wantWhole("hello", want); !got.offer.ModTime.Equal(time.Unix(1e9, 0)) || got.offer.UID != uint32(os.Geteuid()) {
		t.Errorf("offered with time %v and owner %d", got.offer.ModTime, got.offer.UID)
	}
	r.wantNothing()
}

func TestAnotherVersionWithTheSameSizeAndTimeIsOffered(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	for _, fill := range []string{"one", "two", "six"} {
		src := r.file(fill, megabyte)
		r.sh(`touch -d @1000000000 $SRC; cp -p $SRC hello`, src)
		r.wantWhole("hello", read(t, src))
	}
	r.wantNothing()
}

func TestWhatChangesNoBytesIsNoNewVersionButTouchIs(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	src := r.file("", megabyte)
	r.mv("hello", src)
	want := r.want("offer hello").bytes
	r.sh(`chmod 700 hello; chmod 755 hello; ln hello .second; rm .second; cat hello > /dev/null`, "")
	r.wantNothing()
	r.sh(`touch hello`, "")
	r.wantWhole("hello", want)
	r.wantNothing()
}

func TestAFileRemovedHalfwayIsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	src := r.file("", megabyte)
	r.sh(`dd if=$SRC of=hello bs=64k count=4 status=none; rm hello`, src)
	r.sh(`exec 3> other; head -c 100000 $SRC >&3; sleep 0.1; rm other; sleep 0.1; tail -c +100001 $SRC >&3`, src)
	r.wantNothing()
}

func TestAFileLeftHalfwayIsRefusedOnceAndTakenWhenItIsFinished(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	src := r.file("", megabyte)
	r.sh(`head -c 1000000 $SRC > hello`, src)
	got := r.want("refused hello")
	if want := `file "hello": truncated: the ELF header announces 1048576 bytes, the file has 1000000; copy it again`; got.err.Error() != want {
		t.Errorf("refused with %q, want %q", got.err, want)
	}
	r.wantNothing()
	r.sh(`tail -c +1000001 $SRC >> hello`, src)
	r.wantWhole("hello", read(t, src))
	r.wantNothing()
}

func TestTwoHundredFilesAtOnceAreEachOfferedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	src := r.file("", 64<<10)
	r.sh(`i=0; while [ $i -lt 200 ]; do cp $SRC hello-$i & i=$((i+1)); done; wait`, src)
	seen := map[string]int{}
	for range 200 {
		select {
		case got := <-r.told:
			seen[got.line]++
			if len(got.bytes) != 64<<10 {
				t.Errorf("%s with %d bytes", got.line, len(got.bytes))
			}
		case <-time.After(deadline):
			t.Fatalf("only %d offered", len(seen))
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d names offered", len(seen))
	}
	r.wantNothing()
}

func TestAFileOpenForWritingIsWaitedForAndSaidSo(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *watch.Config) { c.WaitAfter = 200 * time.Millisecond }).running()
	want := executabletest.File{}.Bytes()
	f, err := os.Create(r.path("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(want); err != nil {
		t.Fatal(err)
	}
	first := r.want("waiting hello").notice.(*watch.Waiting)
	second := r.want("waiting hello").notice.(*watch.Waiting)
	if first.Why != "it is open for writing" || !first.Since.Equal(second.Since) {
		t.Errorf("told %+v and %+v", first, second)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r.wantWhole("hello", want)
}

func TestAWriterWaitsUntilTheOfferIsClosed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	notices := r.bare()
	src := r.file("one", megabyte)
	was := read(t, src)
	r.mv("hello", src)
	o := nextOffer(t, notices)
	next := r.file("two", megabyte)
	done := make(chan error, 1)
	go func() { done <- r.try(`cat $SRC > hello`, next) }()
	half := make([]byte, megabyte/2)
	if _, err := io.ReadFull(o.File, half); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // the writer comes
	rest, err := io.ReadAll(o.File)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(append(half, rest...), was) {
		t.Error("the offer was written to while it was held")
	}
	select {
	case err := <-done:
		t.Fatalf("the writer did not wait: %v", err)
	default:
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := tell(t, nextOffer(t, notices)); !bytes.Equal(got.bytes, read(t, next)) {
		t.Error("what was written then was not offered")
	}
}

func TestAWriterIsLetInWhileNobodyTakesTheOffer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	notices := r.bare()
	if _, ok := (<-notices).(*watch.Scanned); !ok {
		t.Fatal("the start was not told")
	}
	r.mv("hello", r.file("one", megabyte))
	time.Sleep(100 * time.Millisecond) // it is held for a consumer who does not come
	next := r.file("two", megabyte)
	written := make(chan error, 1)
	go func() { written <- r.try(`cat $SRC > hello`, next) }()
	select {
	case err := <-written:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(deadline): // less than the kernel gives a lease
		t.Fatal("the writer is kept waiting")
	}
	if got := tell(t, nextOffer(t, notices)); !bytes.Equal(got.bytes, read(t, next)) {
		t.Error("the older version was offered")
	}
}
