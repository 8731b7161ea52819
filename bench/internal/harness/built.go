package harness

import (
	"fmt"
	"os"
	"path/filepath"
)

// Built is the path of a program that was built into the same folder as this one.
func Built(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	program := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(program); err != nil {
		return "", fmt.Errorf("find %s: %w; type: make bench", name, err)
	}
	return program, nil
}
