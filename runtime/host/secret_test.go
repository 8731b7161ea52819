package host

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/module"
)

func TestTheSecretIsMadeOnceAndForItsOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	first, err := loadSecret(dir)
	if err != nil || len(first) != secretSize || bytes.Equal(first, make([]byte, secretSize)) {
		t.Fatalf("%d bytes, %v", len(first), err)
	}
	info, err := os.Stat(filepath.Join(dir, "secret"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, err := loadSecret(dir)
	if err != nil || !bytes.Equal(again, first) {
		t.Errorf("another secret at the second start: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("something is left beside it: %v", entries)
	}
	if other, _ := loadSecret(t.TempDir()); bytes.Equal(other, first) {
		t.Error("two hosts have one secret")
	}
}

func TestADamagedSecretIsRefusedAndStays(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	for _, damaged := range [][]byte{nil, []byte("short"), make([]byte, secretSize+1)} {
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := loadSecret(dir)
		if module.KindOf(err) != module.Invalid || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("%d bytes: %v", len(damaged), err)
		}
		if kept, _ := os.ReadFile(path); !bytes.Equal(kept, damaged) {
			t.Errorf("%d bytes were changed", len(damaged))
		}
	}
	if _, err := loadSecret(filepath.Join(dir, "missing")); module.KindOf(err) != module.Unavailable {
		t.Errorf("without a directory: %v", err)
	}
}
