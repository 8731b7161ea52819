package seccomp_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/sandbox/seccomp"
)

const (
	execFD = 1024
	ownPID = 0x7ffe_0001
)

// policies are all that there can be.
func policies() []seccomp.Policy {
	var all []seccomp.Policy
	for bits := range 32 {
		p := seccomp.Policy{Network: bits&1 != 0, Spawn: bits&2 != 0, Notify: bits&4 != 0, NoTruncate: bits&8 != 0}
		if bits&16 != 0 {
			p.PID = ownPID
		}
		if !p.Spawn {
			p.ExecFD = execFD
		}
		if !p.Network || p.Notify {
			all = append(all, p)
		}
	}
	return all
}

func program(t *testing.T, p seccomp.Policy, goarch string) []byte {
	t.Helper()
	code, err := seccomp.ProgramFor(p, goarch)
	if err != nil {
		t.Fatalf("%+v on %s: %v", p, goarch, err)
	}
	return code
}

func TestThePolicyOfEachProgramIsThatOfThisMachine(t *testing.T) {
	p := seccomp.Policy{ExecFD: execFD}
	code, err := seccomp.Program(p)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(code, program(t, p, runtime.GOARCH)) {
		t.Error("the program is another architecture's")
	}
}

func TestAPolicyThatCannotBeKeptIsRefused(t *testing.T) {
	for _, p := range []seccomp.Policy{
		{},
		{ExecFD: 2},
		{ExecFD: -1},
		{Network: true, ExecFD: execFD},
	} {
		if _, err := seccomp.Program(p); err == nil {
			t.Errorf("%+v has a program", p)
		}
	}
	if _, err := seccomp.ProgramFor(seccomp.Policy{Spawn: true}, "riscv64"); err == nil {
		t.Error("there is a program for an architecture without a table")
	}
}

func TestEachKnownCallHasOneRuleAndEachRuleNamesKnownCalls(t *testing.T) {
	known := map[string]bool{}
	for _, goarch := range seccomp.Architectures() {
		for name := range seccomp.Numbers(goarch) {
			known[name] = true
		}
	}
	for _, p := range policies() {
		ruled := map[string]int{}
		for _, name := range seccomp.Ruled(p) {
			ruled[name]++
			if !known[name] {
				t.Errorf("there is a rule for %s, which no architecture has", name)
			}
		}
		for name := range known {
			if ruled[name] != 1 {
				t.Errorf("%+v: %s has %d rules", p, name, ruled[name])
			}
		}
	}
}

func TestEveryProgramEndsInItselfAndIsShortEnough(t *testing.T) {
	for _, goarch := range seccomp.Architectures() {
		for _, p := range policies() {
			code := program(t, p, goarch)
			n := len(code) / 8
			if n == 0 || len(code)%8 != 0 || n > 4096 {
				t.Fatalf("%+v on %s: %d bytes", p, goarch, len(code))
			}
			for pc := range n {
				in := code[pc*8 : pc*8+8]
				op := binary.NativeEndian.Uint16(in)
				far := 0
				switch {
				case op == unix.BPF_JMP|unix.BPF_JA:
					far = int(binary.NativeEndian.Uint32(in[4:]))
				case op&7 == unix.BPF_JMP:
					far = int(max(in[2], in[3]))
				case op&7 == unix.BPF_RET:
					continue
				}
				if pc+1+far >= n {
					t.Errorf("%+v on %s: instruction %d of %d jumps by %d", p, goarch, pc, n, far)
				}
			}
		}
	}
}

func TestAProgramSaysWhatTheRulesSay(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 2))
	for _, goarch := range seccomp.Architectures() {
		numbers := seccomp.Numbers(goarch)
		for _, p := range policies() {
			code := program(t, p, goarch)
			for name, ruling := range seccomp.Rulings(p) {
				nr, ok := numbers[name]
				if !ok {
					continue
				}
				values := ruling.Interesting()
				for range 1 + 40*len(values) {
					var args [6]uint64
					for i := range args {
						args[i] = argument(random, values[i])
					}
					got := interpret(t, code, data(uint32(nr), auditOf[goarch], args))
					if want := ruling.Of(args); got != want {
						t.Fatalf("%+v on %s: %s%#x gives %#x, its rule %#x", p, goarch, name, args, got, want)
					}
				}
			}
		}
	}
}

// argument is one of the values, or whatever, sometimes with a high half.
func argument(random *rand.Rand, values []uint32) uint64 {
	arg := uint64(random.Uint32N(4))
	if len(values) > 0 && random.IntN(8) > 0 {
		arg = uint64(values[random.IntN(len(values))])
	}
	if random.IntN(4) == 0 {
		arg |= uint64(random.Uint32()) << 32
	}
	return arg
}

func TestNumbersThatNobodyKnowsDoNotExist(t *testing.T) {
	for _, goarch := range seccomp.Architectures() {
		known := map[int]bool{}
		for _, nr := range seccomp.Numbers(goarch) {
			known[nr] = true
		}
		code := program(t, seccomp.Policy{Spawn: true, Notify: true, Network: true}, goarch)
		want := uint32(unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS))
		for nr := range 1 << 12 {
			if known[nr] {
				continue
			}
			if got := interpret(t, code, data(uint32(nr), auditOf[goarch], [6]uint64{})); got != want {
				t.Errorf("%s: %d gives %#x", goarch, nr, got)
			}
		}
	}
}

func TestAnotherArchitectureEndsTheProcess(t *testing.T) {
	for goarch, audit := range auditOf {
		for _, p := range policies() {
			code := program(t, p, goarch)
			for _, other := range []uint32{x86, arm, intel, 0, 0x40000028} {
				if other == audit {
					continue
				}
				for _, nr := range []uint32{0, 1, 11, 59, 221, 500} {
					if got := interpret(t, code, data(nr, other, [6]uint64{})); got != unix.SECCOMP_RET_KILL_PROCESS {
						t.Errorf("%s: call %d by %#x gives %#x", goarch, nr, other, got)
					}
				}
			}
		}
	}
	code := program(t, seccomp.Policy{Spawn: true}, "amd64")
	for _, nr := range []uint32{0x40000000, 0x40000000 + 520, 0x7fffffff, 0xffffffff} {
		if got := interpret(t, code, data(nr, x86, [6]uint64{})); got != unix.SECCOMP_RET_KILL_PROCESS {
			t.Errorf("the x32 call %#x gives %#x", nr, got)
		}
	}
}

func TestAJumpMayBeLongerThanAnInstructionSays(t *testing.T) {
	for _, distance := range []int{0, 1, 253, 254, 255, 256, 300, 4000} {
		for _, overYes := range []bool{true, false} {
			t.Run(fmt.Sprint(distance, overYes), func(t *testing.T) {
				code, err := seccomp.AssembleJump(7, distance, overYes)
				if err != nil {
					t.Fatal(err)
				}
				for nr, want := range map[uint32]uint32{7: 1, 8: 2} {
					if got := interpret(t, code, data(nr, x86, [6]uint64{})); got != want {
						t.Errorf("%d gives %d, want %d", nr, got, want)
					}
				}
			})
		}
	}
	if _, err := seccomp.AssembleJump(7, 4096, true); err == nil {
		t.Error("a program of more than 4096 instructions is assembled")
	}
}
