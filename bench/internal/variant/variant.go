package variant

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// marker is the first line of an embedded manifest, closing the last.
var (
	marker  = []byte(strings.Join([]string{"---", "# segue:module/v1"}, " "))
	closing = []byte("\n...")
)

// Change is one replacement in a manifest's text. Both must be of equal length,
// and Old must be there.
type Change struct{ Old, New string }

// Write writes a copy of the executable to file, with the changes made in each
// copy of its embedded manifest, and nowhere else.
func Write(executable []byte, file string, changes ...Change) error {
	out := bytes.Clone(executable)
	found := false
	for rest := out; ; {
		start := bytes.Index(rest, marker)
		if start < 0 {
			break
		}
		rest = rest[start:]
		end := bytes.Index(rest, closing)
		if end < 0 {
			break
		}
		if err := change(rest[:end], changes); err != nil {
			return err
		}
		found = true
		rest = rest[end:]
	}
	if !found {
		return fmt.Errorf("write %s: the executable has no embedded manifest", file)
	}
	return os.WriteFile(file, out, 0o755)
}

// change replaces in place.
func change(doc []byte, changes []Change) error {
	for _, c := range changes {
		if len(c.Old) != len(c.New) {
			return fmt.Errorf("%q and %q are not of equal length", c.Old, c.New)
		}
		if !bytes.Contains(doc, []byte(c.Old)) {
			return fmt.Errorf("the manifest does not say %q: %s", c.Old, doc)
		}
		copy(doc, bytes.ReplaceAll(doc, []byte(c.Old), []byte(c.New)))
	}
	return nil
}
