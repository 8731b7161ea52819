package proxy

// Stats are an engine's counters at one moment; whole in each number, not across them.
type Stats struct {
	Connections int    // of clients, open now
	Requests    uint64 // begun
	InFlight    int    // upgraded ones too
	Tunnels     int    // of these, upgraded
	Retried     uint64 // tried a second time, having reached nobody
	Replayed    uint64 // sent a second time, in place of an answer that was a failure
	Kept        int64  // bytes of memory for bodies that may be replayed, now
	Broken      uint64 // answers that broke off after they had begun
	// Own counts the answers that the engine gave by itself, by status.
	Own map[int]uint64
}

// Add gives the sum of two engines' counters; Own is a new map.
func (s Stats) Add(o Stats) Stats {
	sum := Stats{Connections: s.Connections + o.Connections, Requests: s.Requests + o.Requests, InFlight: s.InFlight + o.InFlight,
		Tunnels: s.Tunnels + o.Tunnels, Retried: s.Retried + o.Retried, Replayed: s.Replayed + o.Replayed, Kept: s.Kept + o.Kept,
		Broken: s.Broken + o.Broken, Own: make(map[int]uint64, len(s.Own)+len(o.Own))}
	for _, own := range []map[int]uint64{s.Own, o.Own} {
		for status, n := range own {
			sum.Own[status] += n
		}
	}
	return sum
}
