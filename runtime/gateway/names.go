package gateway

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/sdk/manifest"
)

const (
	// freshTime is how long an answer of the resolver's is used again, and emptyTime
	// how long a failure is.
	freshTime = 10 * time.Second
	emptyTime = 2 * time.Second
	// knownTime is how long an address counts as one of the name that it was told for.
	knownTime = 5 * time.Minute
	// lookupTimeout bounds one question to the resolver.
	lookupTimeout = 5 * time.Second
	// maxNames are kept, and of each maxAddresses.
	maxNames     = 512
	maxAddresses = 8

	localhost = "localhost"
)

// names knows the granted names and which addresses they have. Only granted names are
// ever looked up.
type names struct {
	resolver Resolver
	machine  *machine
	granted  manifest.Permissions
	peers    []manifest.Peers // granted.Connect

	refreshing sync.Mutex // held through lookups of all names; taken before mu

	mu    sync.Mutex // guards known
	known map[string]*answer
}

// answer is what the resolver told of a name.
type answer struct {
	addrs []netip.Addr
	err   error
	asked time.Time
	// seen are all addresses that were told, until they are forgotten.
	seen map[netip.Addr]time.Time
}

func newNames(r Resolver, m *machine, granted manifest.Permissions) *names {
	n := &names{resolver: r, machine: m, granted: granted, known: map[string]*answer{}}
	for _, entry := range granted.Connect {
		if p, err := manifest.ParsePeers(entry); err == nil {
			n.peers = append(n.peers, p)
		}
	}
	return n
}

// contains reports whether addr is granted as an address, at any port.
func (n *names) contains(addr netip.Addr) bool {
	return slices.ContainsFunc(n.peers, func(p manifest.Peers) bool { return p.Name == "" && p.Net.Contains(addr) })
}

// extends reports whether name is a granted one with something appended, as resolvers
// do that have a search list.
func (n *names) extends(name string) bool {
	return slices.ContainsFunc(n.peers, func(p manifest.Peers) bool { return p.Name != "" && strings.HasPrefix(name, p.Name+".") })
}

// addresses are those that a granted name has and that a grant of the name reaches.
func (n *names) addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	if a, ok := n.remembered(name); ok {
		return a.addrs, a.err
	}
	bounded, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	found, err := n.resolver.LookupNetIP(bounded, "ip", name)
	if err != nil && ctx.Err() != nil {
		return nil, err // it says nothing of the name
	}
	return n.learn(name, found, err)
}

func (n *names) remembered(name string) (answer, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := n.known[name]
	if a == nil {
		return answer{}, false
	}
	keep := freshTime
	if a.err != nil {
		keep = emptyTime
	}
	return *a, time.Since(a.asked) < keep
}

// errOwn is a name's that has no address which a grant of the name reaches.
var errOwn = errors.New("it has only addresses of this machine, its link or a cloud's metadata")

func (n *names) learn(name string, found []netip.Addr, err error) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, addr := range found {
		addr = addr.Unmap()
		if addr.Zone() == "" && (name == localhost || !n.machine.has(addr) || n.contains(addr)) && len(addrs) < maxAddresses {
			addrs = append(addrs, addr)
		}
	}
	if err == nil && len(addrs) == 0 {
		err = errOwn
	}
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	a := n.known[name]
	if a == nil {
		n.makeRoomLocked()
		a = &answer{seen: map[netip.Addr]time.Time{}}
		n.known[name] = a
	}
	for addr, since := range a.seen {
		if now.Sub(since) > knownTime || len(a.seen) > 8*maxAddresses {
			delete(a.seen, addr)
		}
	}
	for _, addr := range addrs {
		a.seen[addr] = now
	}
	a.addrs, a.err, a.asked = addrs, err, now
	return addrs, err
}

// makeRoomLocked forgets old names, or all where a module makes up too many: they can be
// looked up again.
func (n *names) makeRoomLocked() {
	if len(n.known) < maxNames {
		return
	}
	for name, a := range n.known {
		if time.Since(a.asked) > knownTime {
			delete(n.known, name)
		}
	}
	if len(n.known) >= maxNames {
		clear(n.known)
	}
}

// reaches reports whether addr at port is granted: as an address, or because a name that
// is granted has it. It looks granted names up where it must, and blocks meanwhile.
func (n *names) reaches(ctx context.Context, addr netip.Addr, port uint16) bool {
	if grant.Connects(n.granted, addr.String(), port) || n.named(addr, port) {
		return true
	}
	if n.machine.has(addr) && !grant.Connects(n.granted, localhost, port) {
		return false
	}
	n.refreshing.Lock()
	defer n.refreshing.Unlock()
	var all sync.WaitGroup
	for _, p := range n.peers {
		if p.Name != "" && !strings.HasPrefix(p.Name, "*") && (p.Port == 0 || p.Port == port) {
			all.Go(func() { _, _ = n.addresses(ctx, p.Name) })
		}
	}
	all.Wait()
	return n.named(addr, port)
}

// named reports whether a granted name is known to have addr.
func (n *names) named(addr netip.Addr, port uint16) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, a := range n.known {
		since, ok := a.seen[addr]
		if ok && time.Since(since) < knownTime && grant.Connects(n.granted, name, port) && n.mayReach(name, addr, port) {
			return true
		}
	}
	return false
}

// sees reports whether addr was told for some granted name.
func (n *names) sees(addr netip.Addr) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range n.known {
		if _, ok := a.seen[addr]; ok {
			return true
		}
	}
	return false
}

// mayReach reports whether a grant of name reaches addr, which it has. Whoever runs the
// name's zone decides which addresses it has; they must not be this machine's own, nor
// its link's, nor a cloud's metadata. Those are granted as addresses,
// or by the name localhost.
func (n *names) mayReach(name string, addr netip.Addr, port uint16) bool {
	return !n.machine.has(addr) || name == localhost || grant.Connects(n.granted, addr.String(), port)
}
