package guard

import (
	"encoding/binary"
	"net/netip"
	"sync"
)

const shards = 64

// Addresses counts the connections that each address has now. An IPv6 address counts as
// its network of 64 bits, which is what one client has. It is used from many goroutines
// at once.
type Addresses struct {
	limit  int
	shards [shards]shard
}

type shard struct {
	mu   sync.Mutex
	open map[network]int
}

// network is an IPv4 address, or the first 64 bits of an IPv6 one.
type network struct {
	bits uint64
	v4   bool
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
	n := networkOf(addr)
	s := a.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[n] >= a.limit {
		return false
	}
	if s.open == nil {
		s.open = map[network]int{}
	}
	s.open[n]++
	return true
}

// Leave takes back one Enter of the address that counted.
func (a *Addresses) Leave(addr netip.Addr) {
	if a.limit <= 0 || !addr.IsValid() {
		return
	}
	n := networkOf(addr)
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

func (a *Addresses) shard(n network) *shard {
	return &a.shards[n.bits*0x9e3779b97f4a7c15>>58]
}

func networkOf(addr netip.Addr) network {
	if addr = addr.Unmap(); addr.Is4() {
		four := addr.As4()
		return network{bits: uint64(binary.BigEndian.Uint32(four[:])), v4: true}
	}
	all := addr.As16()
	return network{bits: binary.BigEndian.Uint64(all[:8])}
}
