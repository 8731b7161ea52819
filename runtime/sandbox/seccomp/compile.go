package seccomp

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// An answer is what becomes of a call.
type answer int

const (
	allow        answer = iota
	deny                // EPERM; it tells of intent: the listener is told where there is one
	denyAccess          // EACCES, else as deny
	ask                 // the listener decides
	refuse              // EPERM, and nobody is told: harmless programs try it too
	refuseAccess        // EACCES, and nobody is told
	absent              // ENOSYS: this kernel has no such call, as far as the process knows
	noProtocol          // EPROTONOSUPPORT
	kill                // the process ends
)

// answers are the values that the program returns.
func answers(p Policy) map[answer]uint32 {
	values := map[answer]uint32{
		allow:        unix.SECCOMP_RET_ALLOW,
		deny:         unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM),
		denyAccess:   unix.SECCOMP_RET_ERRNO | uint32(unix.EACCES),
		ask:          unix.SECCOMP_RET_USER_NOTIF,
		refuse:       unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM),
		refuseAccess: unix.SECCOMP_RET_ERRNO | uint32(unix.EACCES),
		absent:       unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS),
		noProtocol:   unix.SECCOMP_RET_ERRNO | uint32(unix.EPROTONOSUPPORT),
		kill:         unix.SECCOMP_RET_KILL_PROCESS,
	}
	if p.Notify {
		values[deny], values[denyAccess] = unix.SECCOMP_RET_USER_NOTIF, unix.SECCOMP_RET_USER_NOTIF
	}
	return values
}

// Where struct seccomp_data has what; the low half of an argument comes first on both
// architectures.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArgs   = 16
	x32Bit       = 0x40000000
)

// A compiler makes one program.
type compiler struct {
	assembler
	answers map[answer]label
}

// compile makes the program: the architecture is checked, then the number is looked up
// by halving, then the cases of that call are looked at.
func compile(machine arch, values map[answer]uint32, rules []rule) ([]byte, error) {
	c := &compiler{answers: map[answer]label{}}
	for a := range kill + 1 {
		c.answers[a] = c.label()
	}
	spans, blocks, err := c.spans(machine, rules)
	if err != nil {
		return nil, err
	}
	c.load(offsetArch)
	c.equal(machine.audit, next, c.answers[kill])
	c.load(offsetNumber)
	if machine.x32 {
		c.above(x32Bit, c.answers[kill], next)
	}
	c.search(spans)
	for _, b := range blocks {
		c.here(b.at)
		c.cases(b.rule)
	}
	for a := range kill + 1 {
		c.here(c.answers[a])
		c.ret(values[a])
	}
	return c.assemble()
}

// A span is a row of numbers, up to the next span's first, whose answer is at a label.
type span struct {
	first int
	to    label
}

// A block is the place of a rule that has cases.
type block struct {
	at   label
	rule rule
}

// spans are what the numbers lead to, in their order. Numbers that no rule names are
// absent; a name that the architecture does not have is left out.
func (c *compiler) spans(machine arch, rules []rule) ([]span, []block, error) {
	targets := map[int]label{}
	var blocks []block
	for _, r := range rules {
		to := c.answers[r.answer]
		if len(r.cases) > 0 {
			to = c.label()
			blocks = append(blocks, block{to, r})
		}
		used := false
		for name := range strings.FieldsSeq(r.calls) {
			nr, ok := machine.number(name)
			if !ok {
				continue
			}
			if _, twice := targets[nr]; twice {
				return nil, nil, fmt.Errorf("two rules for the system call %s", name)
			}
			targets[nr], used = to, true
		}
		if !used && len(r.cases) > 0 {
			blocks = blocks[:len(blocks)-1]
		}
	}
	last := machine.runs[len(machine.runs)-1]
	var spans []span
	for nr := range last.first + len(last.names) + 1 {
		to, ok := targets[nr]
		if !ok {
			to = c.answers[absent]
		}
		if len(spans) == 0 || spans[len(spans)-1].to != to {
			spans = append(spans, span{nr, to})
		}
	}
	return spans, blocks, nil
}

// search jumps to where the number leads that was loaded.
func (c *compiler) search(spans []span) {
	half := len(spans) / 2
	switch len(spans) {
	case 1:
		c.jump(spans[0].to)
	case 2:
		c.above(uint32(spans[1].first), spans[1].to, spans[0].to)
	default:
		upper := c.label()
		c.above(uint32(spans[half].first), upper, next)
		c.search(spans[:half])
		c.here(upper)
		c.search(spans[half:])
	}
}

// cases looks at a rule's cases, one after the other.
func (c *compiler) cases(r rule) {
	for _, on := range r.cases {
		miss := c.label()
		for _, cond := range on.all {
			c.condition(cond, miss)
		}
		c.jump(c.answers[on.answer])
		c.here(miss)
	}
	c.jump(c.answers[r.answer])
}

// condition goes on after itself where it holds, else to miss.
func (c *compiler) condition(cond condition, miss label) {
	hold := c.label()
	in, out := hold, miss
	if cond.not {
		in, out = miss, hold
	}
	offset := uint32(offsetArgs + 8*cond.arg)
	if cond.wide {
		c.load(offset + 4)
		c.equal(0, next, out)
	}
	c.load(offset)
	if cond.mask != 0 {
		c.and(cond.mask)
	}
	for _, r := range slices.Clip(cond.in) {
		if r.low == r.high {
			c.equal(r.low, in, next)
			continue
		}
		below := c.label()
		c.above(r.low, next, below)
		c.above(r.high, below, in)
		c.here(below)
		c.equal(r.high, in, next)
	}
	c.jump(out)
	c.here(hold)
}
