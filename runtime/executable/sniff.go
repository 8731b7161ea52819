package executable

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

const elfMagic = "\x7fELF"

// magics are the beginnings by which a file is known, longest match not needed:
// none is the beginning of another.
var magics = []struct {
	magic  string
	format Format
	detail string
}{
	{"#!", Script, "a script"},
	{"MZ", PE, "a Windows program (PE)"},
	{"\xfe\xed\xfa\xce", MachO, "a macOS program (Mach-O, 32-bit)"},
	{"\xce\xfa\xed\xfe", MachO, "a macOS program (Mach-O, 32-bit)"},
	{"\xfe\xed\xfa\xcf", MachO, "a macOS program (Mach-O)"},
	{"\xcf\xfa\xed\xfe", MachO, "a macOS program (Mach-O)"},
	{"\xca\xfe\xba\xbe", MachO, "a macOS program for several machines (Mach-O) or a Java class"},
	{"\x00asm", Wasm, "a WebAssembly module"},
	{"PK\x03\x04", Archive, "a zip archive"},
	{"\x1f\x8b", Archive, "a gzip archive"},
	{"\xfd7zXZ\x00", Archive, "an xz archive"},
	{"\x28\xb5\x2f\xfd", Archive, "a zstd archive"},
	{"BZh", Archive, "a bzip2 archive"},
	{"!<arch>\n", Archive, "an object archive (ar)"},
}

// sniff names the format of a file that begins with head. A beginning too short to
// tell an ELF file from something else counts as ELF, so that it is waited for.
func sniff(head []byte) (Format, string) {
	if len(head) == 0 {
		return Empty, "an empty file"
	}
	if bytes.HasPrefix(head, []byte(elfMagic)) || strings.HasPrefix(elfMagic, string(head)) {
		return ELF, "an ELF file"
	}
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.format, m.detail
		}
	}
	if isText(head) {
		return Text, "a text file"
	}
	return Data, "a file of no known kind"
}

// isText reports whether head is UTF-8 without control characters, give or take a
// character cut off at its end.
func isText(head []byte) bool {
	for len(head) > 0 {
		r, n := utf8.DecodeRune(head)
		if r == utf8.RuneError && n == 1 {
			return !utf8.FullRune(head)
		}
		if r < ' ' && !strings.ContainsRune("\t\n\r\f\x1b", r) {
			return false
		}
		head = head[n:]
	}
	return true
}
