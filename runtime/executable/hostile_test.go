package executable_test

import (
	"bytes"
	"debug/elf"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/executable"
	"github.com/segue-run/segue/runtime/executable/executabletest"
)

func TestAnInterpretersNameIsToldShortAndOnOneLine(t *testing.T) {
	b := executabletest.File{Size: 8 << 10, Type: elf.ET_DYN, Interpreter: "/a\nb\x1b[2J" + strings.Repeat("x", 180)}.Bytes()
	info, err := executable.Inspect(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	refusal := info.Check()
	if refusal == nil || !strings.Contains(refusal.Error(), "dynamic loader") || strings.ContainsAny(refusal.Error(), "\n\x1b") || strings.Contains(refusal.Error(), strings.Repeat("x", 150)) {
		t.Errorf("refused with %q", refusal)
	}
}
