package attack

var peers = []Attack{
	{Name: "ptrace-host", Tries: "seize the host with ptrace", By: []string{Seccomp, Landlock, OwnUser, UserNamespace, PIDNamespace}, Needs: []string{HostPID}, Denial: "ptrace"},
	{Name: "ptrace-sibling", Tries: "seize another module with ptrace", By: []string{Seccomp, Landlock, OwnUser, PIDNamespace}, Needs: []string{SiblingPID}, Denial: "ptrace"},
	{Name: "kill-host", Tries: "send the host a signal", By: []string{Landlock, OwnUser, PIDNamespace}, Needs: []string{HostPID}},
	{Name: "kill-sibling", Tries: "send another module a signal", By: []string{Landlock, OwnUser, PIDNamespace}, Needs: []string{SiblingPID}},
	{Name: "kill-all", Tries: "send everybody a signal", By: []string{Seccomp, Landlock, OwnUser, PIDNamespace}, Denial: "kill"},
	{Name: "admin-socket", Tries: "connect to the admin API's socket", By: []string{Seccomp, OwnUser}, Needs: []string{AdminSocket}, Denial: "connect"},
	{Name: "control-socket", Tries: "connect to another module's control socket", By: []string{Seccomp, OwnUser}, Needs: []string{Control}, Denial: "connect"},
	{Name: "data-socket", Tries: "connect to every socket that /proc/net/unix names, and that another module has open", By: []string{Seccomp, Landlock}, Needs: []string{SiblingPID}},
	{Name: "abstract-socket", Tries: "connect to an abstract socket", By: []string{Seccomp, Landlock, NetworkNamespace}, Needs: []string{Abstract}, Denial: "connect"},
	{Name: "datagram-socket", Tries: "send a datagram to a socket without connecting", By: []string{Seccomp, OwnUser}, Needs: []string{AdminSocket}, Denial: "socket"},
	{Name: "terminal-input", Tries: "type into the operator's terminal", By: []string{Session, Landlock, Seccomp}, Denial: "ioctl"},
	{Name: "message-queue", Tries: "leave a message queue behind for others", By: []string{Seccomp, IPCNamespace}, Ends: []Outcome{Stopped, Contained}, Denial: "msgget"},
}
