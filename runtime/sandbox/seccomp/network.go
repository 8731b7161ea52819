package seccomp

import "golang.org/x/sys/unix"

const (
	// sockType are the bits of socket's second argument that are no flags.
	sockType = 0xf
	// fastOpen is the flag of the calls that send by which they connect.
	fastOpen = unix.MSG_FASTOPEN
)

// network are the rules for sockets. bind and listen pass without Network, for then there
// is no socket but of the unix family, whose names are Landlock's to allow.
func network(p Policy) []rule {
	connect, bind, ip, errorQueue := denyAccess, allow, denyAccess, allow
	if p.Network {
		connect, bind, ip, errorQueue = ask, ask, ask, ask
	}
	family := is(0, unix.AF_INET, unix.AF_INET6)
	return []rule{
		{calls: "socket", answer: denyAccess, cases: []when{
			on(allow, is(0, unix.AF_UNIX), masked(1, sockType, unix.SOCK_STREAM)),
			on(ip, family, masked(1, sockType, unix.SOCK_STREAM), is(2, 0, unix.IPPROTO_TCP)),
			on(ip, family, masked(1, sockType, unix.SOCK_DGRAM), is(2, 0, unix.IPPROTO_UDP)),
			// Go asks for MPTCP first and takes TCP for this answer.
			on(noProtocol, family, is(2, unix.IPPROTO_MPTCP)),
			// The C library looks at the interfaces so before it resolves a name.
			on(refuseAccess, is(0, unix.AF_NETLINK)),
		}},
		{calls: "connect", answer: connect},
		{calls: "bind listen", answer: bind},
		{calls: "sendto", cases: []when{
			on(denyAccess, not(null(4))),
			on(denyAccess, has(3, fastOpen)),
		}},
		{calls: "sendmsg", cases: []when{on(denyAccess, has(2, fastOpen))}},
		{calls: "sendmmsg", cases: []when{on(denyAccess, has(3, fastOpen))}},
		{calls: "setsockopt", answer: refuse, cases: []when{
			on(refuse, is(1, unix.SOL_SOCKET), is(2, privilegedOptions...)),
			on(refuse, is(1, unix.SOL_SOCKET), is(2, costlyOptions...)),
			on(refuse, is(1, unix.IPPROTO_TCP), is(2, unix.TCP_REPAIR, unix.TCP_ULP)),
			on(allow, is(1, unix.SOL_SOCKET, unix.IPPROTO_TCP)),
			// The C library asks for names over no socket that refuses these.
			on(errorQueue, is(1, unix.IPPROTO_IP), is(2, unix.IP_RECVERR)),
			on(errorQueue, is(1, unix.IPPROTO_IPV6), is(2, unix.IPV6_RECVERR)),
			// Above these are the tables of the packet filter.
			on(allow, is(1, unix.IPPROTO_IP), within(2, 0, 63)),
			on(allow, is(1, unix.IPPROTO_IPV6), within(2, 0, 63)),
			on(allow, is(1, unix.IPPROTO_IPV6), within(2, unix.IPV6_RECVTCLASS, unix.IPV6_FREEBIND)),
		}},
	}
}

// privilegedOptions of a socket get around the machine's firewall and limits, as root, or
// load programs into the kernel, or take away the one that makes a socket deaf.
var privilegedOptions = []uint32{
	unix.SO_ATTACH_FILTER, unix.SO_ATTACH_BPF, unix.SO_ATTACH_REUSEPORT_CBPF,
	unix.SO_ATTACH_REUSEPORT_EBPF, unix.SO_DETACH_FILTER, unix.SO_BINDTODEVICE,
	unix.SO_BINDTOIFINDEX, unix.SO_MARK, unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE,
}

// costlyOptions of a socket are paid for by others. A close that lingers sleeps in
// whichever process closes the socket last, and a socket can be passed on; what waits in
// a socket is the kernel's memory, which no quota counts where there is no cgroup.
var costlyOptions = []uint32{unix.SO_LINGER, unix.SO_SNDBUF, unix.SO_RCVBUF}
