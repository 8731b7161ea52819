package seccomp_test

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// The architectures, as the kernel tells them to a filter.
const (
	x86   = unix.AUDIT_ARCH_X86_64
	arm   = unix.AUDIT_ARCH_AARCH64
	intel = unix.AUDIT_ARCH_I386
)

var auditOf = map[string]uint32{"amd64": x86, "arm64": arm}

// data is struct seccomp_data as it lies in memory.
func data(nr uint32, arch uint32, args [6]uint64) []byte {
	out := binary.LittleEndian.AppendUint32(nil, nr)
	out = binary.LittleEndian.AppendUint32(out, arch)
	out = binary.LittleEndian.AppendUint64(out, 0x401000)
	for _, arg := range args {
		out = binary.LittleEndian.AppendUint64(out, arg)
	}
	return out
}

// interpret runs a program as the kernel does, and fails on what the kernel refuses.
func interpret(t *testing.T, program, data []byte) uint32 {
	t.Helper()
	var acc uint32
	for pc := 0; ; pc++ {
		if pc*8 >= len(program) {
			t.Fatalf("the program is left at %d", pc)
		}
		in := program[pc*8 : pc*8+8]
		op, jt, jf := binary.NativeEndian.Uint16(in), int(in[2]), int(in[3])
		k := binary.NativeEndian.Uint32(in[4:])
		switch op {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			if k%4 != 0 || int(k) >= len(data) {
				t.Fatalf("instruction %d loads from %d", pc, k)
			}
			acc = binary.LittleEndian.Uint32(data[k:])
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			acc &= k
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(k)
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			pc += branch(acc == k, jt, jf)
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			pc += branch(acc >= k, jt, jf)
		case unix.BPF_RET | unix.BPF_K:
			return k
		default:
			t.Fatalf("instruction %d has the operation %#x", pc, op)
		}
	}
}

func branch(yes bool, jt, jf int) int {
	if yes {
		return jt
	}
	return jf
}
