package executable

import (
	"errors"
	"fmt"
	"io"
)

// Format is what kind of file the first bytes announce.
type Format string

// The formats.
const (
	ELF     Format = "elf"
	MachO   Format = "mach-o"
	PE      Format = "pe"
	Wasm    Format = "wasm"
	Script  Format = "script"  // begins with "#!"
	Archive Format = "archive" // zip, gzip, ar, …
	Text    Format = "text"
	Empty   Format = "empty" // no bytes at all
	Data    Format = "data"  // none of the others
)

// Type is what an ELF file is for.
type Type string

// The types of an ELF file.
const (
	Static        Type = "executable"
	PIE           Type = "position-independent executable"
	SharedLibrary Type = "shared library"
	Object        Type = "relocatable object"
	Core          Type = "core dump"
)

// Info is what the bytes say of themselves.
type Info struct {
	Format Format `json:"format"`
	// Detail names the format for people: "ELF 64-bit x86-64 for Linux",
	// "a Windows program (PE)".
	Detail string `json:"detail"`
	// Size is the file's length in bytes.
	Size int64 `json:"size"`
	// Announced is how far the headers say the file reaches, in bytes; 0 where the
	// format does not say or the headers themselves are cut off.
	Announced int64 `json:"announced,omitempty"`
	// Cut is true where the headers are not all there.
	Cut bool `json:"cut,omitempty"`

	// Of an ELF file only.
	Type        Type   `json:"type,omitempty"`
	Machine     string `json:"machine,omitempty"` // GOARCH's word where there is one
	OS          string `json:"os,omitempty"`      // GOOS's word
	Bits        int    `json:"bits,omitempty"`    // 32 or 64
	Interpreter string `json:"interpreter,omitempty"`
	// Malformed says why the headers make no sense; empty where they do.
	Malformed string `json:"malformed,omitempty"`
}

// Complete reports whether all that the headers announce is there. A file that is
// not an ELF file announces nothing and is complete, except an empty one.
func (i Info) Complete() bool {
	return i.Format != Empty && !i.Cut && i.Announced <= i.Size
}

// Inspect reads what the first size bytes of r are. The error is one of reading;
// whatever the bytes are is no error. It reads a few KiB, and never more than 4 MiB.
func Inspect(r io.ReaderAt, size int64) (Info, error) {
	head := make([]byte, min(size, 512))
	if n, err := r.ReadAt(head, 0); n < len(head) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Info{}, fmt.Errorf("read file header: %w", err)
	}
	info := Info{Size: size}
	info.Format, info.Detail = sniff(head)
	if info.Format != ELF {
		return info, nil
	}
	return inspectELF(r, info, head)
}
