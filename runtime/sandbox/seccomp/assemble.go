package seccomp

import (
	"encoding/binary"
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// maxInstructions is the most that the kernel takes (BPF_MAXINSNS).
const maxInstructions = 4096

// The instructions that the filter is made of.
const (
	opLoad  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	opAnd   = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	opEqual = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	opAbove = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K // at or above
	opJump  = unix.BPF_JMP | unix.BPF_JA
	opRet   = unix.BPF_RET | unix.BPF_K
)

// A label is a place in the program, that jumps name before it is known.
type label int

// next is the instruction after the jump.
const next label = -1

// An instruction is one that may jump to labels. Where far is set it takes as many
// instructions as its jumps need that are longer than 255.
type instruction struct {
	op       uint16
	k        uint32
	yes, no  label
	farYes   bool
	farNo    bool
	position int
}

func (i instruction) conditional() bool { return i.op == opEqual || i.op == opAbove }

// size is how many instructions it becomes.
func (i instruction) size() int {
	n := 1
	if i.farYes {
		n++
	}
	if i.farNo {
		n++
	}
	return n
}

// An assembler puts a program together. Jumps go forward only, as the kernel wants it.
type assembler struct {
	code   []instruction
	labels []int // the index in code that each label stands before
}

func (a *assembler) label() label {
	a.labels = append(a.labels, math.MaxInt)
	return label(len(a.labels) - 1)
}

// here puts l before the next instruction.
func (a *assembler) here(l label) { a.labels[l] = len(a.code) }

func (a *assembler) load(offset uint32) { a.code = append(a.code, instruction{op: opLoad, k: offset}) }
func (a *assembler) and(mask uint32)    { a.code = append(a.code, instruction{op: opAnd, k: mask}) }
func (a *assembler) ret(value uint32)   { a.code = append(a.code, instruction{op: opRet, k: value}) }
func (a *assembler) jump(to label)      { a.code = append(a.code, instruction{op: opJump, yes: to, no: to}) }

func (a *assembler) equal(k uint32, yes, no label) {
	a.code = append(a.code, instruction{op: opEqual, k: k, yes: yes, no: no})
}

func (a *assembler) above(k uint32, yes, no label) {
	a.code = append(a.code, instruction{op: opAbove, k: k, yes: yes, no: no})
}

// assemble gives the program as struct sock_filter lies in memory.
func (a *assembler) assemble() ([]byte, error) {
	for a.place() {
	}
	var out []byte
	for i, in := range a.code {
		var err error
		if out, err = a.emit(out, i, in); err != nil {
			return nil, err
		}
	}
	if n := len(out) / unix.SizeofSockFilter; n > maxInstructions {
		return nil, fmt.Errorf("the filter has %d instructions, the kernel takes %d", n, maxInstructions)
	}
	return out, nil
}

// place gives each instruction its position and lets jumps that are too long take more
// room; it reports whether any did, for then the positions have moved.
func (a *assembler) place() (moved bool) {
	position := 0
	for i := range a.code {
		a.code[i].position = position
		position += a.code[i].size()
	}
	for i := range a.code {
		in := &a.code[i]
		if !in.conditional() {
			continue
		}
		if !in.farYes && a.distance(i, in.yes) > math.MaxUint8 {
			in.farYes, moved = true, true
		}
		if !in.farNo && a.distance(i, in.no) > math.MaxUint8 {
			in.farNo, moved = true, true
		}
	}
	return moved
}

// target is the position of the instruction that a jump of instruction i to l ends at.
func (a *assembler) target(i int, l label) int {
	index := i + 1
	if l != next {
		index = a.labels[l]
	}
	if index >= len(a.code) {
		return math.MaxInt32
	}
	return a.code[index].position
}

// distance is how many instructions a jump from instruction i's first to l skips.
func (a *assembler) distance(i int, l label) int { return a.target(i, l) - a.code[i].position - 1 }

func (a *assembler) emit(out []byte, i int, in instruction) ([]byte, error) {
	if !in.conditional() && in.op != opJump {
		return instructionBytes(out, in.op, 0, 0, in.k), nil
	}
	yes, no := a.distance(i, in.yes), a.distance(i, in.no)
	if min(yes, no) < 0 || max(yes, no) > math.MaxInt32/2 {
		return nil, fmt.Errorf("instruction %d of the filter jumps out of it", in.position)
	}
	if in.op == opJump {
		return instructionBytes(out, in.op, 0, 0, uint32(yes)), nil
	}
	// What follows are the long jumps: the one for yes first. Each is skipped over by
	// the instructions before it, which its distance is counted from.
	var long []int
	near := func(far bool, distance int) uint8 {
		if !far {
			return uint8(distance)
		}
		long = append(long, distance-len(long)-1)
		return uint8(len(long) - 1)
	}
	jt, jf := near(in.farYes, yes), near(in.farNo, no)
	out = instructionBytes(out, in.op, jt, jf, in.k)
	for _, distance := range long {
		out = instructionBytes(out, opJump, 0, 0, uint32(distance))
	}
	return out, nil
}

func instructionBytes(out []byte, op uint16, jt, jf uint8, k uint32) []byte {
	out = binary.NativeEndian.AppendUint16(out, op)
	out = append(out, jt, jf)
	return binary.NativeEndian.AppendUint32(out, k)
}
