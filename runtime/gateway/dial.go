package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/sdk/wire"
)

// nextAddress is how long an address of a name is tried alone.
const nextAddress = 250 * time.Millisecond

// dial connects to what a request names, if that is granted.
func (p *process) dial(ctx context.Context, req wire.LinkRequest) (socket, error) {
	host, port, err := parseAddress(req)
	if err != nil {
		return nil, err
	}
	if host == "" {
		return nil, fmt.Errorf("the address %q names no host", req.Address)
	}
	if !grant.Connects(p.req.Permissions, host, port) {
		return nil, p.refuseConnect(host, port)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return dialAny(ctx, req.Network, []netip.Addr{addr}, port)
	}
	addrs, err := p.names.addresses(ctx, host)
	if err != nil && !errors.Is(err, errOwn) {
		return nil, fmt.Errorf("look up %s: %w", host, err)
	}
	reached := slices.DeleteFunc(slices.Clone(addrs), func(addr netip.Addr) bool { return !p.names.mayReach(host, addr, port) })
	if len(reached) == 0 {
		return nil, p.refuseOwn(host, port)
	}
	reached = slices.DeleteFunc(reached, func(addr netip.Addr) bool { return !isOf(req.Network, addr) })
	if len(reached) == 0 {
		return nil, fmt.Errorf("look up %s: it has no address for %s", host, req.Network)
	}
	return dialAny(ctx, req.Network, reached, port)
}

// isOf reports whether a network has addr.
func isOf(network string, addr netip.Addr) bool {
	return network == "tcp" || (network == "tcp4") == addr.Is4()
}

// dialAny connects to the first of the addresses that answers: each next one is tried
// when one has failed, or has not answered for a moment.
func dialAny(ctx context.Context, network string, addrs []netip.Addr, port uint16) (socket, error) {
	ctx, cancel := context.WithCancel(ctx)
	var attempts sync.WaitGroup
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result, len(addrs))
	var won net.Conn
	defer func() {
		cancel()
		attempts.Wait()
		close(results)
		for r := range results { // those that came too late
			if r.conn != nil {
				_ = r.conn.Close()
			}
		}
	}()
	next := time.NewTimer(0)
	defer next.Stop()
	var first error
	for started, failed := 0, 0; failed < len(addrs); {
		select {
		case <-next.C:
			if started == len(addrs) {
				continue
			}
			addr := netip.AddrPortFrom(addrs[started], port).String()
			started++
			attempts.Go(func() {
				var d net.Dialer
				conn, err := d.DialContext(ctx, network, addr)
				results <- result{conn, err}
			})
			next.Reset(nextAddress)
		case r := <-results:
			if won = r.conn; won != nil {
				return won.(*net.TCPConn), nil
			}
			failed++
			if first == nil {
				first = r.err
			}
			next.Reset(0)
		}
	}
	return nil, first
}

// parseAddress reads a request's network and address, as the module has written them.
func parseAddress(req wire.LinkRequest) (host string, port uint16, err error) {
	switch req.Network {
	case "tcp", "tcp4", "tcp6":
	default:
		return "", 0, fmt.Errorf("the network is %q; it can be tcp, tcp4 or tcp6", req.Network)
	}
	host, number, err := net.SplitHostPort(req.Address)
	if err != nil {
		return "", 0, fmt.Errorf("the address %q is no HOST:PORT", req.Address)
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("the address %q has no port from 0 to 65535", req.Address)
	}
	if host, err = normal(host); err != nil {
		return "", 0, fmt.Errorf("the address %q: %w", req.Address, err)
	}
	return host, uint16(n), nil
}

// normal is the one way in which a name or an address is written.
func normal(host string) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return "", errors.New("it has a zone, which nobody can grant")
		}
		return addr.Unmap().String(), nil
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if len(host) > 253 {
		return "", errors.New("its name is too long")
	}
	for _, r := range host {
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.') {
			return "", errors.New("its name has a character that no name of a host has; names of other scripts begin with xn--")
		}
	}
	// Some resolvers take these for addresses.
	if last := host[strings.LastIndexByte(host, '.')+1:]; last != "" && (strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x")) {
		return "", errors.New("it is an address in a form that is not read; write all four numbers in decimal")
	}
	return host, nil
}

func hostPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
