package executabletest

import (
	"debug/elf"
	"encoding/binary"
	"runtime"
)

// File describes an ELF file. The zero value is a static 64-bit executable for this
// machine of 4096 bytes.
type File struct {
	Size        int // bytes, at least 1024
	Type        elf.Type
	Machine     elf.Machine
	ABI         elf.OSABI
	Interpreter string // named in a PT_INTERP segment where it is not empty
	// Fill is what the file holds behind its headers, repeated; at its end stands
	// Tail.
	Fill, Tail string
}

// Bytes is the file. Its last section ends where the file ends, so that any cut makes
// it incomplete.
func (f File) Bytes() []byte {
	if f.Size == 0 {
		f.Size = 4096
	}
	if f.Type == 0 {
		f.Type = elf.ET_EXEC
	}
	if f.Machine == 0 {
		f.Machine = machine()
	}
	if f.Fill == "" {
		f.Fill = "\x00"
	}
	const segments, interpreter, sections, content = 64, 256, 512, 1024
	b := make([]byte, max(f.Size, content))
	for at := content; at < len(b); {
		at += copy(b[at:], f.Fill)
	}
	copy(b[max(content, len(b)-len(f.Tail)):], f.Tail)
	copy(b, elf.ELFMAG)
	b[elf.EI_CLASS], b[elf.EI_DATA], b[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	b[elf.EI_OSABI] = byte(f.ABI)
	le := binary.LittleEndian
	le.PutUint16(b[16:], uint16(f.Type))
	le.PutUint16(b[18:], uint16(f.Machine))
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[32:], segments)
	le.PutUint64(b[40:], sections)
	for i, v := range []uint16{64, 56, 2, 64, 2, 0} {
		le.PutUint16(b[52+2*i:], v)
	}
	segment := func(at int, kind elf.ProgType, off, size int) {
		le.PutUint32(b[at:], uint32(kind))
		le.PutUint64(b[at+8:], uint64(off))
		le.PutUint64(b[at+32:], uint64(size))
	}
	segment(segments, elf.PT_LOAD, 0, content)
	if f.Interpreter != "" {
		copy(b[interpreter:], f.Interpreter)
		segment(segments+56, elf.PT_INTERP, interpreter, len(f.Interpreter)+1)
	}
	last := sections + 64 // the first section header stays empty
	le.PutUint32(b[last+4:], uint32(elf.SHT_PROGBITS))
	le.PutUint64(b[last+24:], content)
	le.PutUint64(b[last+32:], uint64(len(b)-content))
	return b
}

func machine() elf.Machine {
	if runtime.GOARCH == "arm64" {
		return elf.EM_AARCH64
	}
	return elf.EM_X86_64
}
