package seccomp

import (
	"slices"
	"strings"
)

// ProgramFor is Program for any architecture.
func ProgramFor(p Policy, goarch string) ([]byte, error) { return program(p, goarch) }

// Architectures are the names of all that there are.
func Architectures() []string { return []string{"amd64", "arm64"} }

// Numbers are those of all calls that the architecture has, by name.
func Numbers(goarch string) map[string]int {
	numbers := map[string]int{}
	for _, r := range arches[goarch].runs {
		for i, name := range r.names {
			numbers[name] = r.first + i
		}
	}
	return numbers
}

// Ruled are the names that the rules of p name, as often as they do.
func Ruled(p Policy) []string {
	var names []string
	for _, r := range rules(p) {
		names = slices.AppendSeq(names, strings.FieldsSeq(r.calls))
	}
	return names
}

// A Ruling is what the rules make of one call, without a program.
type Ruling struct {
	rule   rule
	values map[answer]uint32
}

// Rulings are those of p by the names of the calls.
func Rulings(p Policy) map[string]Ruling {
	rulings := map[string]Ruling{}
	for _, r := range rules(p) {
		for name := range strings.FieldsSeq(r.calls) {
			rulings[name] = Ruling{r, answers(p)}
		}
	}
	return rulings
}

// Interesting are values at and beside the bounds of what the rule looks at, by argument.
func (r Ruling) Interesting() map[int][]uint32 {
	values := map[int][]uint32{}
	for _, w := range r.rule.cases {
		for _, c := range w.all {
			for _, b := range c.in {
				values[c.arg] = append(values[c.arg], b.low-1, b.low, b.low+1, b.high-1, b.high, b.high+1, c.mask, ^c.mask)
			}
		}
	}
	return values
}

// Of is what comes of the call with args.
func (r Ruling) Of(args [6]uint64) uint32 {
	for _, w := range r.rule.cases {
		if !slices.ContainsFunc(w.all, func(c condition) bool { return !c.holds(args[c.arg]) }) {
			return r.values[w.answer]
		}
	}
	return r.values[r.rule.answer]
}

func (c condition) holds(arg uint64) bool {
	low := uint32(arg)
	if c.mask != 0 {
		low &= c.mask
	}
	in := slices.ContainsFunc(c.in, func(b bounds) bool { return b.low <= low && low <= b.high })
	if c.wide && arg>>32 != 0 {
		in = false
	}
	return in != c.not
}

// AssembleJump assembles a conditional jump over distance instructions, either way, and
// gives the program: it returns 1 where what it loads is k, else 2.
func AssembleJump(k uint32, distance int, overYes bool) ([]byte, error) {
	var a assembler
	far, near := a.label(), a.label()
	a.load(0)
	if overYes {
		a.equal(k, far, near)
	} else {
		a.equal(k, near, far)
	}
	a.here(near)
	a.ret(map[bool]uint32{true: 2, false: 1}[overYes])
	for range distance {
		a.ret(3)
	}
	a.here(far)
	a.ret(map[bool]uint32{true: 1, false: 2}[overYes])
	return a.assemble()
}
