package executable_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/executable"
	"github.com/segue-run/segue/runtime/executable/executabletest"
	"github.com/segue-run/segue/runtime/module"
)

func inspect(t *testing.T, b []byte) executable.Info {
	t.Helper()
	info, err := executable.Inspect(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestWhatIsNoModuleIsNamedWithWhatToDo(t *testing.T) {
	other, goarch := elf.EM_AARCH64, "arm64"
	if runtime.GOARCH == "arm64" {
		other, goarch = elf.EM_X86_64, "amd64"
	}
	small := executabletest.File{}.Bytes()
	thirtyTwo := append(append([]byte{}, small[:4]...), 1, 1, 1)
	thirtyTwo = append(thirtyTwo, make([]byte, 200)...)
	binary.LittleEndian.PutUint16(thirtyTwo[16:], uint16(elf.ET_EXEC))
	binary.LittleEndian.PutUint16(thirtyTwo[18:], uint16(elf.EM_386))
	far := bytes.Clone(small)
	binary.LittleEndian.PutUint64(far[64+8:], 1<<63)
	for name, c := range map[string]struct {
		bytes []byte
		want  []string
	}{
		"no bytes":                {nil, []string{"empty", "copy it again"}},
		"a text":                  {[]byte("hello\nthere\n"), []string{"text file"}},
		"a text in UTF-8":         {[]byte(strings.Repeat("ä", 300)[:511]), []string{"text file"}},
		"a script":                {[]byte("#!/bin/sh\necho hi\n"), []string{"scripts are not modules"}},
		"a Windows program":       {[]byte("MZ\x90\x00"), []string{"Windows", "GOOS=" + runtime.GOOS + " GOARCH=" + runtime.GOARCH}},
		"a macOS program":         {[]byte("\xcf\xfa\xed\xfe\x07\x00"), []string{"macOS", "GOOS=linux"}},
		"a WebAssembly module":    {[]byte("\x00asm\x01"), []string{"WebAssembly", "GOOS=linux"}},
		"a gzip archive":          {[]byte("\x1f\x8b\x08\x00"), []string{"gzip archive", "unpack"}},
		"noise":                   {[]byte{1, 2, 3, 0, 255}, []string{"no known kind"}},
		"one byte of an ELF file": {[]byte("\x7f"), []string{"truncated"}},
		"half an ELF header":      {small[:40], []string{"truncated", "40 bytes"}},
		"a cut executable":        {small[:4000], []string{"announces 4096 bytes, the file has 4000"}},
		"a cut in the headers":    {small[:100], []string{"truncated", "the file has 100"}},
		"another machine's":       {executabletest.File{Machine: other}.Bytes(), []string{"for " + goarch, "this machine runs linux/" + runtime.GOARCH}},
		"a 32-bit one":            {thirtyTwo, []string{"32-bit, for 386"}},
		"a FreeBSD one":           {executabletest.File{ABI: elf.ELFOSABI_FREEBSD}.Bytes(), []string{"on freebsd"}},
		"an object":               {executabletest.File{Type: elf.ET_REL}.Bytes(), []string{"relocatable object", "main package"}},
		"a core dump":             {executabletest.File{Type: elf.ET_CORE}.Bytes(), []string{"core dump"}},
		"a shared library":        {executabletest.File{Type: elf.ET_DYN}.Bytes(), []string{"shared library"}},
		"an offset out of range":  {far, []string{"makes no sense"}},
		"a loader that is not here": {
			executabletest.File{Type: elf.ET_DYN, Interpreter: "/lib/ld-none.so"}.Bytes(),
			[]string{"/lib/ld-none.so", "CGO_ENABLED=0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := inspect(t, c.bytes).Check()
			var refusal *module.Error
			if !errors.As(err, &refusal) || refusal.Kind != module.Invalid || refusal.Field != "file" {
				t.Fatalf("refused with %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestAnyCutOfARealExecutableIsIncomplete(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := inspect(t, b).Check(); err != nil {
		t.Fatalf("the test itself is refused: %v", err)
	}
	for _, n := range []int{0, 1, 15, 16, 63, 64, 100, 1000, len(b) / 2, len(b) - 1} {
		if info := inspect(t, b[:n]); info.Complete() {
			t.Errorf("%d of %d bytes count as complete: %+v", n, len(b), info)
		}
	}
}

func TestWhatTheGoToolchainBuildsIsTakenAndWhatItBuildsForOthersIsNot(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, goos, goarch string
		flags              []string
		refusal            string
	}{
		{"static", "linux", runtime.GOARCH, nil, ""},
		{"stripped", "linux", runtime.GOARCH, []string{"-ldflags=-s -w"}, ""},
		{"pie", "linux", runtime.GOARCH, []string{"-buildmode=pie"}, ""},
		{"darwin", "darwin", "arm64", nil, "macOS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(dir, c.name)
			cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "go",
				append(append([]string{"build", "-o", out}, c.flags...), source)...)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+c.goos, "GOARCH="+c.goarch)
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			b, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			err = inspect(t, b).Check()
			if c.refusal == "" && err != nil {
				t.Fatalf("refused: %v", err)
			}
			if c.refusal != "" && (err == nil || !strings.Contains(err.Error(), c.refusal)) {
				t.Fatalf("got %v, want a refusal that says %q", err, c.refusal)
			}
		})
	}
}

func TestAReadErrorIsNoVerdict(t *testing.T) {
	b := executabletest.File{}.Bytes()
	if _, err := executable.Inspect(bytes.NewReader(b[:100]), int64(len(b))); err == nil {
		t.Fatal("a file that ends before its size was inspected")
	}
}

func FuzzInspectTrustsNothing(f *testing.F) {
	f.Add(executabletest.File{}.Bytes())
	f.Add(executabletest.File{Type: elf.ET_DYN, Interpreter: "/lib/ld.so"}.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := executable.Inspect(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatalf("all bytes are there, yet: %v", err)
		}
		_ = info.Check()
	})
}
