package guard

import (
	"net/netip"
	"sync"

	"github.com/segue-run/segue/proxy"
)

const shards = 64

// Addresses counts the connections that each address has now. An address counts
// as its proxy.Network. It is used from many goroutines
// at once.
type Addresses struct {
	limit  int
	shards [shards]shard
}

type shard struct {
	mu   sync.Mutex
	open map[uint64]int
}

// NewAddresses allows each address that many connections; 0 or less: any number.
func NewAddresses(limit int) *Addresses { return &Addresses{limit: limit} }

// Enter counts one more connection of the address, and says so; where it has as many as it
// may already, it counts none. Leave is to follow once for each that was counted. An
// invalid address has no limit.
func (a *Addresses) Enter(addr netip.Addr) bool {
	if a.limit <= 0 || !addr.IsValid() {
		return true
	}
	n := proxy.Network(addr)
	s := a.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[n] >= a.limit {
		return false
	}
	if s.open == nil {
		s.open = map[uint64]int{}
	}
	s.open[n]++
	return true
}

// Leave takes back one Enter of the address that counted.
func (a *Addresses) Leave(addr netip.Addr) {
	if a.limit <= 0 || !addr.IsValid() {
		return
	}
	n := proxy.Network(addr)
	s := a.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[n]--; s.open[n] > 0 {
		return
	}
	if delete(s.open, n); len(s.open) == 0 {
		s.open = nil // a map keeps the room that it once had
	}
}

func (a *Addresses) shard(n uint64) *shard {
	return &a.shards[n*0x9e3779b97f4a7c15>>58]
}
