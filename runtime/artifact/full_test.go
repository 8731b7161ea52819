package artifact_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/artifact"
	"github.com/segue-run/segue/runtime/executable/executabletest"
	"github.com/segue-run/segue/runtime/module"
)

func TestAFullDiskIsToldAndChangesNothing(t *testing.T) {
	fail := func(err error) artifact.Faults {
		return artifact.Faults{Rename: func(string, string) error { return &os.PathError{Op: "rename", Path: "x", Err: err} }}
	}
	for name, c := range map[string]struct {
		faults artifact.Faults
		kind   module.Kind
	}{
		"while copying": {artifact.Faults{Copy: copyToFullDevice}, module.Unavailable},
		"at the rename": {fail(unix.ENOSPC), module.Unavailable},
		"over a quota":  {fail(unix.EDQUOT), module.Quota},
		"read-only":     {fail(unix.EROFS), module.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := openIn(t)
			before := stage(t, s, executable("before"), nil)
			s.Inject(c.faults)
			for _, sidecar := range [][]byte{nil, []byte(body)} {
				_, err := s.Stage(t.Context(), bytes.NewReader(plainOr(sidecar)), sidecar)
				wantFull(t, err, c.kind, dir)
			}
			if got := names(t, dir); !slices.Equal(got, []string{string(before.Digest)}) {
				t.Errorf("the directory holds %q", got)
			}
		})
	}
}

// A file system that is really full needs one of our own: root makes one, in a mount
// namespace that ends with the process.
func TestARealFullFileSystemIsToldAndChangesNothing(t *testing.T) {
	const inside = "SEGUE_TEST_MOUNTS"
	if os.Getenv(inside) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if os.Geteuid() != 0 {
			cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
		}
		out, err := cmd.CombinedOutput()
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOSPC) {
			t.Logf("this machine gives us no mount namespace (%v): the faults above must do", err)
			return
		}
		if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	dir := t.TempDir()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("segue", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	s := openStore(t, artifact.Config{Dir: filepath.Join(dir, "artifacts")})
	before := stage(t, s, executable("before"), nil)
	big := executabletest.File{Size: 2 << 20, Tail: embedded}.Bytes()
	_, err := s.Stage(t.Context(), bytes.NewReader(big), nil)
	wantFull(t, err, module.Unavailable, dir)
	path := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(path, big, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = s.Stage(t.Context(), f, nil)
	wantFull(t, err, module.Unavailable, dir)
	if !strings.Contains(err.Error(), "2097152 bytes") {
		t.Errorf("%q does not say what was needed", err)
	}
	if got := names(t, filepath.Join(dir, "artifacts")); !slices.Equal(got, []string{string(before.Digest)}) {
		t.Errorf("the directory holds %q", got)
	}
	stage(t, s, executable("after"), nil).Close() // what fits still goes in
}

func wantFull(t *testing.T, err error, kind module.Kind, dir string) {
	t.Helper()
	var refusal *module.Error
	if !errors.As(err, &refusal) || refusal.Kind != kind || refusal.Hint == "" || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}

// copyToFullDevice writes to the device that is always full instead.
func copyToFullDevice(_ *os.File, src io.Reader, limit int64) (int64, error) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer full.Close()
	return io.Copy(full, io.LimitReader(src, limit))
}

func plainOr(sidecar []byte) []byte {
	if sidecar != nil {
		return plain()
	}
	return executable("")
}
