package state_test

import (
	"os"
	"path/filepath"
	"testing"
)

// unwritable gives a directory that nobody may write, root neither: one that holds
// files of another user for an ordinary user, an immutable place for root.
func unwritable(t *testing.T) string {
	t.Helper()
	if os.Geteuid() == 0 {
		return "/sys/segue"
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "state")
}
