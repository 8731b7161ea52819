package watch_test

import (
	"strings"
	"testing"

	"github.com/segue-run/segue/sdk/manifest"
)

func TestASidecarRidesWithItsFile(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	r.put(r.path("hello.module.yaml"), []byte("name: one"))
	r.mv("hello", r.file("", 0))
	side := func(want string) {
		t.Helper()
		if got := r.want("offer hello"); string(got.sidecar) != want || (got.sidecar == nil) != (want == "") {
			t.Errorf("offered with sidecar %q, want %q", got.sidecar, want)
		}
	}
	side("name: one")
	r.wantNothing()
	r.sh(`echo name: two > hello.module.yaml`, "")
	side("name: two\n")
	r.sh(`sed -i s/two/three/ hello.module.yaml`, "")
	side("name: three\n")
	r.sh(`chmod 600 hello.module.yaml`, "")
	r.wantNothing()
	r.sh(`rm hello.module.yaml`, "")
	side("")
	r.wantNothing()
	r.sh(`echo name: four > hello.module.yaml`, "")
	side("name: four\n")
	r.wantNothing()
}

func TestANameTooLongForASidecarHasNone(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	name := strings.Repeat("n", 255)
	src := r.file("", 0)
	want := read(t, src)
	r.mv(name, src)
	if got := r.wantWhole(name, want); got.sidecar != nil {
		t.Errorf("offered with sidecar %q", got.sidecar)
	}
	r.wantNothing()
}

func TestASidecarAloneIsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t).running()
	r.put(r.path("hello.module.yaml"), []byte("name: hello"))
	r.put(r.path(".module.yaml"), []byte("name: hello"))
	r.wantNothing()
}

func TestASidecarThatCannotBeIsRefusedWithItsFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ script, want string }{
		"too big":     {`head -c 300000 /dev/zero > hello.module.yaml`, "too big"},
		"a directory": {`mkdir hello.module.yaml`, "cannot be read"},
		"a link":      {`echo name: secret > ../src/secret; ln -s ../src/secret hello.module.yaml`, "cannot be read"},
		"a pipe":      {`mkfifo hello.module.yaml`, "cannot be read"},
		"empty":       {`: > hello.module.yaml`, "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).running()
			r.sh(c.script, "")
			r.mv("hello", r.file("", 0))
			got := r.want("refused hello")
			if got.err.Field != "sidecar" || got.err.Value != "hello.module.yaml" || !strings.Contains(got.err.Error(), c.want) {
				t.Errorf("refused with %v", got.err)
			}
			r.wantNothing()
			r.sh(`rm -r hello.module.yaml`, "")
			r.want("offer hello")
			r.wantNothing()
		})
	}
	if manifest.MaxSize >= 300000 {
		t.Fatal("the file that is meant to be too big is not")
	}
}
