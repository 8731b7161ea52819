package attack

var network = []Attack{
	{Name: "admin-port", Tries: "connect to the admin API's port", By: []string{Seccomp, Landlock, NetworkNamespace}, Needs: []string{Admin}, Denial: "socket"},
	{Name: "tcp-connect", Tries: "connect to a port of this machine", By: []string{Seccomp, Landlock, NetworkNamespace}, Needs: []string{TCP}, Denial: "socket"},
	{Name: "link-dial", Tries: "ask the host for a connection that was not granted", By: []string{Host}, Needs: []string{Admin}},
	{Name: "bind-port", Tries: "listen on a port", By: []string{Seccomp, Landlock, NetworkNamespace}, Ends: []Outcome{Stopped, Contained}, Denial: "socket"},
	{Name: "unbound-listen", Tries: "listen without a bind before", By: []string{Seccomp, NetworkNamespace}, Ends: []Outcome{Stopped, Contained}, Denial: "socket"},
	{Name: "udp-send", Tries: "send a datagram to a port of this machine", By: []string{Seccomp, NetworkNamespace}, Needs: []string{UDP}, Denial: "socket"},
	{Name: "dns-exfiltration", Tries: "carry a secret out in the name of a DNS query", By: []string{Seccomp, NetworkNamespace}, Needs: []string{UDP}, Denial: "socket"},
	{Name: "mptcp-connect", Tries: "connect by Multipath TCP", By: []string{Seccomp, NetworkNamespace}, Needs: []string{TCP}},
	{Name: "tcp-fast-open", Tries: "connect by sending", By: []string{Seccomp, NetworkNamespace}, Needs: []string{TCP}, Denial: "socket"},
	{Name: "raw-socket", Tries: "open raw and packet sockets", By: []string{Seccomp, NetworkNamespace, OwnUser}, Ordinary: []string{Kernel}, Ends: []Outcome{Stopped, Contained}, Denial: "socket"},
	{Name: "netlink", Tries: "ask the kernel for the machine's addresses", By: []string{Seccomp, NetworkNamespace}, Ends: []Outcome{Stopped, Contained}},
	{Name: "vsock", Tries: "reach the hypervisor", By: []string{Seccomp}, Denial: "socket"},
	{Name: "odd-families", Tries: "open a socket of each family that there is", By: []string{Seccomp}, Denial: "socket"},
}
