package gateway_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/segue-run/segue/sdk/wire"
)

// site is a resolver on a machine whose interfaces are known.
type site struct {
	*book
	interfaces func() ([]net.Addr, error)
}

// reaches tells which addresses a granted name leads to, if the machine has these
// interfaces. None that it may lead to answers in the time there is.
func reaches(t *testing.T, interfaces func() ([]net.Addr, error), addresses ...string) map[string]bool {
	t.Helper()
	names := &book{names: map[string]string{}}
	var granted []string
	for i, address := range addresses {
		name := fmt.Sprintf("n%d.test", i)
		names.names[name] = address
		granted = append(granted, name+":1")
	}
	p := connect(t, site{names, interfaces}, peers(granted...))
	reached := map[string]bool{}
	for i, address := range addresses {
		p.ask(wire.LinkRequest{ID: 1, Do: wire.LinkDial, Network: "tcp", Address: fmt.Sprintf("n%d.test:1", i), TimeoutMS: 1})
		a, _ := p.answer()
		if a.Denied && !strings.Contains(a.Error, "have to be granted as addresses") {
			t.Errorf("%s: %s", address, a.Error)
		}
		reached[address] = !a.Denied
	}
	return reached
}

func TestANameLeadsNeitherToThisMachineNorToMetadata(t *testing.T) {
	interfaces := func() ([]net.Addr, error) {
		return []net.Addr{
			&net.IPNet{IP: net.ParseIP("192.0.2.7"), Mask: net.CIDRMask(24, 32)},
			&net.IPNet{IP: net.ParseIP("2001:db8::7"), Mask: net.CIDRMask(64, 128)},
		}, nil
	}
	own := []string{
		"127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "0.1.2.3", "169.254.169.254", "fe80::1", "224.0.0.1",
		"192.0.2.7", "::ffff:192.0.2.7", "2001:db8::7",
		"64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::192.0.2.7", "64:ff9b:1::127.0.0.1", "::127.0.0.1", "64:ff9b::168.63.129.16",
		"fd00:ec2::254", "fd20:ce::254", "168.63.129.16", "100.100.100.200", "192.0.0.192",
	}
	for address, reached := range reaches(t, interfaces, own...) {
		if reached {
			t.Errorf("a name leads to %s", address)
		}
	}
	// Others' are told, those of private networks among them.
	others := "10.1.2.3 192.0.2.8 2001:db8::8 64:ff9b::c000:208"
	s := run(t, site{&book{names: map[string]string{"api.example.test": others}}, interfaces}, peers("api.example.test:1"), nothing, "resolve api.example.test")
	if o := s.next(); o.Result != others {
		t.Error(o)
	}
}

func TestANameLeadsToNoAddressThatThisMachineReallyHas(t *testing.T) {
	all, err := net.InterfaceAddrs()
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	var own []string
	for _, a := range all {
		own = append(own, a.(*net.IPNet).IP.String())
	}
	for address, reached := range reaches(t, nil, own...) {
		if reached {
			t.Errorf("a name leads to %s", address)
		}
	}
}

func TestNoNameLeadsAnywhereWhileTheMachinesAddressesAreNotKnown(t *testing.T) {
	unknown := func() ([]net.Addr, error) { return nil, errors.New("no answer") }
	for address, reached := range reaches(t, unknown, "192.0.2.8") {
		if reached {
			t.Errorf("a name leads to %s", address)
		}
	}
}
