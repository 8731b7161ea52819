package limit

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/segue-run/segue/proxy"
)

const (
	shards = 16
	// sample is how many clients of a shard that has no room are looked at for one that
	// can be forgotten.
	sample = 8
)

// Clients let the requests of each client come at a pace. A client is a
// proxy.Network. At most so many clients are known at a time: beyond, those are
// forgotten whose bucket is full, and where that is nobody's of some, whose is the nearest
// to it. It is safe for many goroutines.
type Clients struct {
	pace   Pace
	most   int // of a shard
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu   sync.Mutex
	full map[uint64]int64 // when each client's bucket is full, in nanoseconds since epoch
}

// NewClients make the buckets of most clients, but at least 128; 0 for 65,536. They take
// no memory before they are used, and 32 bytes or so each. The pace has an Every of more
// than 0.
func NewClients(pace Pace, most int) *Clients {
	if most == 0 {
		most = 1 << 16
	}
	return &Clients{pace: pace, most: max(most, shards*sample) / shards, seed: maphash.MakeSeed()}
}

// Take lets a request of a client come at now and gives 0; or it says how long it takes
// until one may. Whoever has no valid address has no limit.
func (c *Clients) Take(client netip.Addr, now time.Time) (wait time.Duration) {
	if !client.IsValid() {
		return 0
	}
	key := proxy.Network(client)
	s := c.shard(key)
	at := sinceEpoch(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	full, known := s.full[key]
	if !known {
		full = at
	}
	next, wait := c.pace.take(full, at)
	if wait > 0 {
		return wait
	}
	if !known {
		s.makeRoomLocked(c.most, at)
	}
	s.full[key] = next
	return 0
}

// Return gives back what one Take took: the client's request did not come after all.
func (c *Clients) Return(client netip.Addr) {
	if !client.IsValid() {
		return
	}
	key := proxy.Network(client)
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if full, known := s.full[key]; known {
		s.full[key] = full - int64(c.pace.Every)
	}
}

func (c *Clients) shard(key uint64) *shard { return &c.shards[maphash.Comparable(c.seed, key)%shards] }

// makeRoomLocked has one more client find room in the shard.
func (s *shard) makeRoomLocked(most int, at int64) {
	if s.full == nil {
		s.full = map[uint64]int64{}
	}
	if len(s.full) < most {
		return
	}
	var first uint64 // whose bucket is full first
	seen := 0
	for key, full := range s.full { // begins anywhere
		if full <= at {
			delete(s.full, key)
		}
		if seen == 0 || full < s.full[first] {
			first = key
		}
		if seen++; seen == sample {
			break
		}
	}
	if len(s.full) >= most {
		delete(s.full, first)
	}
}
