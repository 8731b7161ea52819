package guard_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"

	"github.com/segue-run/segue/proxy/guard"
)

func TestAddressHasAsManyConnectionsAsItMay(t *testing.T) {
	a := guard.NewAddresses(2)
	first, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for range 3 {
		if !a.Enter(first) || !a.Enter(netip.MustParseAddr("::ffff:192.0.2.1")) {
			t.Fatal("refused below the limit")
		}
		if a.Enter(first) {
			t.Fatal("allowed over the limit")
		}
		if !a.Enter(other) {
			t.Fatal("another address is refused")
		}
		a.Leave(other)
		a.Leave(first)
		if !a.Enter(first) || a.Enter(first) {
			t.Fatal("the place of one that left is not there for exactly one")
		}
		a.Leave(first)
		a.Leave(first)
	}
}

func TestAddressesOfOneIPv6NetworkAreOne(t *testing.T) {
	a := guard.NewAddresses(2)
	for i, c := range []struct {
		addr string
		want bool
	}{
		{"2001:db8::1", true}, {"2001:db8::ffff:2", true}, {"2001:db8::3", false}, {"2001:db8:0:1::1", true},
		{"::c000:201", true}, {"192.0.2.1", true}, {"192.0.2.1", true}, // not the same
	} {
		if got := a.Enter(netip.MustParseAddr(c.addr)); got != c.want {
			t.Errorf("%d: %s: %v", i, c.addr, got)
		}
	}
}

func TestNoAddressAndNoLimitIsNotCounted(t *testing.T) {
	limited, free := guard.NewAddresses(1), guard.NewAddresses(0)
	for range 5 {
		if !limited.Enter(netip.Addr{}) || !free.Enter(netip.MustParseAddr("192.0.2.1")) {
			t.Fatal("refused")
		}
	}
	limited.Leave(netip.Addr{})
	free.Leave(netip.MustParseAddr("192.0.2.1"))
}

func TestAddressesCountExactlyFromManyGoroutines(t *testing.T) {
	const limit = 5
	a := guard.NewAddresses(limit)
	var mu sync.Mutex
	open := map[netip.Addr]int{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				addr := netip.MustParseAddr(fmt.Sprint("192.0.2.", rand.IntN(4)))
				if !a.Enter(addr) {
					continue
				}
				mu.Lock()
				if open[addr]++; open[addr] > limit {
					t.Errorf("%s has %d", addr, open[addr])
				}
				open[addr]--
				mu.Unlock()
				a.Leave(addr)
			}
		})
	}
	wg.Wait()
	for addr := range open {
		for range limit {
			if !a.Enter(addr) {
				t.Fatalf("%s is counted still", addr)
			}
		}
	}
}
