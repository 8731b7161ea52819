package attack

var secrets = []Attack{
	{Name: "env-secrets", Tries: "find the host's secrets in its own environment", By: []string{Environment}},
	{Name: "inherited-descriptors", Tries: "find descriptors that the host had open", By: []string{Descriptors}},
	{Name: "host-environ", Tries: "read the host's environment in /proc", By: []string{Landlock, OwnUser, UserNamespace}, Needs: []string{HostPID}},
	{Name: "proc-scan", Tries: "read the command line and environment of every process in /proc", By: []string{Landlock}},
	{Name: "host-memory", Tries: "read the host's memory in /proc", By: []string{Landlock, OwnUser, UserNamespace}, Needs: []string{HostPID}},
	{Name: "process-vm-readv", Tries: "read the host's memory by a system call", By: []string{Seccomp, Landlock, OwnUser, UserNamespace, PIDNamespace}, Needs: []string{HostPID}, Denial: "process_vm_readv"},
	{Name: "host-descriptors", Tries: "take a descriptor of the host's by pidfd_getfd and in /proc", By: []string{Landlock, OwnUser, UserNamespace}, Needs: []string{HostPID}},
	{Name: "state-directory", Tries: "list and read the state directory", By: []string{Landlock, OwnUser}, Needs: []string{State}},
	{Name: "audit-log", Tries: "read and write where the audit records are kept", By: []string{Landlock, OwnUser}, Needs: []string{State}},
	{Name: "other-data", Tries: "read another module's data folder", By: []string{Landlock, OwnUser}, Needs: []string{Data}},
	{Name: "sibling-memory", Tries: "read another module's memory and environment", By: []string{Landlock, OwnUser}, Needs: []string{SiblingPID}},
}
