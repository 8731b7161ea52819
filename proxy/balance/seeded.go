package balance

import "math/rand/v2"

// NewSeededSlots is NewSlots with its places drawn from source, so that a simulation
// can be run again and deals the same. source is not kept.
func NewSeededSlots(source *rand.Rand, weights ...int) *Slots {
	s := NewSlots(weights...)
	for i := range s.cuts {
		s.cuts[i].seed = source.Uint64()
	}
	return s
}
