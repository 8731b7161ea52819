package executable

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// Bounds on what is read of a file, whatever its headers claim.
const (
	maxSegments    = 1 << 10
	maxSections    = 1 << 15
	maxInterpreter = 4096
	maxDynamic     = 1 << 16
)

// layout is where the fields of the ELF headers lie in one class.
type layout struct {
	headerSize, segmentSize, sectionSize int
	phoff, shoff                         int // in the header; width word
	phentsize                            int // then phnum, shentsize, shnum: two bytes each
	pOffset, pFilesz                     int // in a program header; p_type is at 0
	sType, sOffset, sSize                int // in a section header
	word                                 int // 4 or 8
}

var (
	layout32 = layout{52, 32, 40, 28, 32, 42, 4, 16, 4, 16, 20, 4}
	layout64 = layout{64, 56, 64, 32, 40, 54, 8, 32, 4, 24, 32, 8}
)

// file is an ELF file being read.
type file struct {
	layout
	r     io.ReaderAt
	order binary.ByteOrder
	info  Info

	dynamic [2]uint64 // offset and size of the dynamic section; size 0 if none
	err     error     // the first failed read
}

// inspectELF fills info from the ELF headers that begin with head.
func inspectELF(r io.ReaderAt, info Info, head []byte) (Info, error) {
	if len(head) < elf.EI_NIDENT {
		info.Cut = true
		return info, nil
	}
	f := &file{layout: layout64, r: r, order: binary.LittleEndian, info: info}
	f.info.Bits = 64
	switch elf.Class(head[elf.EI_CLASS]) {
	case elf.ELFCLASS32:
		f.layout, f.info.Bits = layout32, 32
	case elf.ELFCLASS64:
	default:
		return f.malformed("its class is %d", head[elf.EI_CLASS])
	}
	switch elf.Data(head[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
	case elf.ELFDATA2MSB:
		f.order = binary.BigEndian
	default:
		return f.malformed("its byte order is %d", head[elf.EI_DATA])
	}
	if len(head) < f.headerSize {
		f.info.Cut = true
		return f.info, nil
	}
	f.identify(head)
	f.reach(int64(f.headerSize))

	phoff, shoff := f.wordAt(head, f.phoff), f.wordAt(head, f.shoff)
	half := func(i int) int { return int(f.order.Uint16(head[f.phentsize+2*i:])) }
	phentsize, phnum, shentsize, shnum := half(0), half(1), half(2), half(3)
	if phnum > 0 && phentsize != f.segmentSize || shoff != 0 && shentsize != f.sectionSize {
		return f.malformed("its header entries have sizes %d and %d", phentsize, shentsize)
	}
	if phnum > maxSegments {
		return f.malformed("it has %d program headers", phnum)
	}
	f.table(phoff, phnum, f.segmentSize, f.segment)
	if shoff != 0 {
		f.table(shoff, f.sections(shoff, shnum), f.sectionSize, f.section)
	}
	f.classify(elf.Type(f.order.Uint16(head[16:])))
	return f.info, f.err
}

// identify reads machine and system.
func (f *file) identify(head []byte) {
	machine := elf.Machine(f.order.Uint16(head[18:]))
	f.info.Machine = goarch(machine, f.order == binary.BigEndian)
	f.info.OS = goos(elf.OSABI(head[elf.EI_OSABI]))
	f.info.Detail = fmt.Sprintf("an ELF file, %d-bit, for %s on %s", f.info.Bits, f.info.Machine, f.info.OS)
}

// table calls each with every entry of a header table.
func (f *file) table(off uint64, n, size int, each func([]byte)) {
	if n == 0 || !f.extent(off, uint64(n)*uint64(size)) {
		return
	}
	buf := f.read(off, n*size)
	for ; len(buf) >= size; buf = buf[size:] {
		each(buf[:size])
	}
}

// sections is how many section headers there are; a number too big for the file
// header stands in the size of the first.
func (f *file) sections(shoff uint64, n int) int {
	if n == 0 {
		f.table(shoff, 1, f.sectionSize, func(b []byte) {
			if size := f.wordAt(b, f.sSize); size <= maxSections {
				n = int(size)
			} else {
				f.info.Malformed = fmt.Sprintf("it has %d sections", size)
			}
		})
	}
	return n
}

func (f *file) segment(b []byte) {
	off, size := f.wordAt(b, f.pOffset), f.wordAt(b, f.pFilesz)
	if !f.extent(off, size) {
		return
	}
	switch elf.ProgType(f.order.Uint32(b)) {
	case elf.PT_INTERP:
		if size > maxInterpreter {
			f.info.Malformed = fmt.Sprintf("its interpreter's name has %d bytes", size)
			return
		}
		name, _, _ := bytes.Cut(f.read(off, int(size)), []byte{0})
		f.info.Interpreter = string(name)
	case elf.PT_DYNAMIC:
		f.dynamic = [2]uint64{off, size}
	}
}

func (f *file) section(b []byte) {
	switch elf.SectionType(f.order.Uint32(b[f.sType:])) {
	case elf.SHT_NULL, elf.SHT_NOBITS:
	default:
		f.extent(f.wordAt(b, f.sOffset), f.wordAt(b, f.sSize))
	}
}

// classify says what the file is for. A shared object is a program where it names
// an interpreter or says so itself (a static one has no interpreter).
func (f *file) classify(t elf.Type) {
	switch t {
	case elf.ET_EXEC:
		f.info.Type = Static
	case elf.ET_DYN:
		f.info.Type = SharedLibrary
		if f.info.Interpreter != "" || f.saysPIE() {
			f.info.Type = PIE
		}
	case elf.ET_REL:
		f.info.Type = Object
	case elf.ET_CORE:
		f.info.Type = Core
	default:
		f.info.Malformed = fmt.Sprintf("its type is %d", t)
	}
}

// saysPIE reports whether the dynamic section has the flag DF_1_PIE.
func (f *file) saysPIE() bool {
	entry := 2 * f.word
	buf := f.read(f.dynamic[0], int(min(f.dynamic[1], maxDynamic)))
	for ; len(buf) >= entry; buf = buf[entry:] {
		if elf.DynTag(f.wordAt(buf, 0)) == elf.DT_FLAGS_1 {
			return elf.DynFlag1(f.wordAt(buf, f.word))&elf.DF_1_PIE != 0
		}
	}
	return false
}

// extent notes that the file must reach to off+size, and reports whether it does.
func (f *file) extent(off, size uint64) bool {
	if off > math.MaxInt64-size || size > math.MaxInt64 {
		f.info.Malformed = "an offset in its headers is out of range"
		return false
	}
	end := int64(off + size)
	f.reach(end)
	return end <= f.info.Size
}

func (f *file) reach(end int64) { f.info.Announced = max(f.info.Announced, end) }

// read gives n bytes at off, or none once a read has failed.
func (f *file) read(off uint64, n int) []byte {
	if f.err != nil || int64(off) > f.info.Size-int64(n) {
		return nil
	}
	buf := make([]byte, n)
	if got, err := f.r.ReadAt(buf, int64(off)); got < n {
		f.err = fmt.Errorf("read ELF headers: %w", err)
		return nil
	}
	return buf
}

func (f *file) wordAt(b []byte, at int) uint64 {
	if f.word == 4 {
		return uint64(f.order.Uint32(b[at:]))
	}
	return f.order.Uint64(b[at:])
}

func (f *file) malformed(format string, args ...any) (Info, error) {
	f.info.Malformed = fmt.Sprintf(format, args...)
	return f.info, nil
}
