package limit

// Limits are how many requests may come, and be under way. The zero value of each field
// sets no limit.
type Limits struct {
	Pace Pace // of all requests together
	// Concurrent is how many may be under way, upgraded ones too.
	Concurrent int
	PerClient  Pace // of each client's
}
