package executable

import (
	"debug/elf"
	"strings"
)

// goarch is the machine in Go's word where Go has one, else in ELF's.
func goarch(m elf.Machine, bigEndian bool) string {
	order := func(little, big string) string {
		if bigEndian {
			return big
		}
		return little
	}
	switch m {
	case elf.EM_X86_64:
		return "amd64"
	case elf.EM_386:
		return "386"
	case elf.EM_AARCH64:
		return "arm64"
	case elf.EM_ARM:
		return "arm"
	case elf.EM_PPC64:
		return order("ppc64le", "ppc64")
	case elf.EM_MIPS:
		return order("mipsle", "mips")
	case elf.EM_RISCV:
		return "riscv64"
	case elf.EM_S390:
		return "s390x"
	case elf.EM_LOONGARCH:
		return "loong64"
	}
	return strings.ToLower(strings.TrimPrefix(m.String(), "EM_"))
}

// goos is the system in Go's word. Linux files mostly say that they follow System V.
func goos(abi elf.OSABI) string {
	if abi == elf.ELFOSABI_NONE || abi == elf.ELFOSABI_LINUX {
		return "linux"
	}
	return strings.ToLower(strings.TrimPrefix(abi.String(), "ELFOSABI_"))
}
