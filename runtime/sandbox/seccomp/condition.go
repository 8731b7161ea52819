package seccomp

// A rule says what becomes of calls: the answer of its first case that holds, else its
// own.
type rule struct {
	calls  string // their names; those that an architecture does not have are left out
	answer answer
	cases  []when
}

// when is a case of a rule: it holds when all of its conditions do.
type when struct {
	answer answer
	all    []condition
}

// A condition looks at one argument: at its low half, for that is what the kernel takes
// of an int; at both where it is wide, which is for pointers.
type condition struct {
	arg  int
	mask uint32 // 0 is all bits
	in   []bounds
	wide bool // the high half must be 0
	not  bool
}

// bounds are inclusive.
type bounds struct{ low, high uint32 }

// on is a case with an answer.
func on(a answer, all ...condition) when { return when{a, all} }

// is holds where the argument is one of the values.
func is(arg int, values ...uint32) condition {
	c := condition{arg: arg}
	for _, v := range values {
		c.in = append(c.in, bounds{v, v})
	}
	return c
}

// within holds where the argument is between two values or one of them.
func within(arg int, low, high uint32) condition {
	return condition{arg: arg, in: []bounds{{low, high}}}
}

// masked holds where the bits of mask are together one of the values.
func masked(arg int, mask uint32, values ...uint32) condition {
	c := is(arg, values...)
	c.mask = mask
	return c
}

// has holds where a bit of mask is set.
func has(arg int, mask uint32) condition { return not(masked(arg, mask, 0)) }

// null holds where the pointer is NULL.
func null(arg int) condition {
	c := is(arg, 0)
	c.wide = true
	return c
}

func not(c condition) condition {
	c.not = !c.not
	return c
}
