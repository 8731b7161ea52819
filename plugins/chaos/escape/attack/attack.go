package attack

import "slices"

// Outcome is how an attack ended.
type Outcome string

// The outcomes.
const (
	Stopped   Outcome = "stopped"   // the call failed, and the process goes on
	Contained Outcome = "contained" // it took place, within the module's own bounds
	Killed    Outcome = "killed"    // the process was ended for it, or by it
	Escaped   Outcome = "escaped"   // it reached what it was after
)

// Outcomes are all of them.
var Outcomes = []Outcome{Stopped, Contained, Killed, Escaped}

// The layers, by the names that the runtime has for them, and two that are always there.
const (
	Rlimits          = "rlimits"
	NoNewPrivs       = "no-new-privs"
	Environment      = "environment"
	Descriptors      = "descriptors"
	Session          = "session"
	ParentDeath      = "parent-death"
	Landlock         = "landlock"
	Seccomp          = "seccomp"
	Notify           = "notify"
	UserNamespace    = "user-namespace"
	PIDNamespace     = "pid-namespace"
	IPCNamespace     = "ipc-namespace"
	NetworkNamespace = "network-namespace"
	OwnUser          = "own-user"
	CgroupMemory     = "cgroup-memory"
	CgroupCPU        = "cgroup-cpu"
	CgroupPIDs       = "cgroup-pids"

	Host   = "host"   // what the runtime does outside of the process
	Kernel = "kernel" // what the kernel does for everybody
)

// Layers are all that an attack can name.
var Layers = []string{
	Rlimits, NoNewPrivs, Environment, Descriptors, Session, ParentDeath, Landlock, Seccomp, Notify,
	UserNamespace, PIDNamespace, IPCNamespace, NetworkNamespace, OwnUser, CgroupMemory, CgroupCPU, CgroupPIDs,
	Host, Kernel,
}

// Attack is one thing that a module tries.
type Attack struct {
	Name  string `json:"name"`
	Tries string `json:"tries"` // what it does, for people
	// By are layers of which each is enough by itself. Where there is none, nothing stops it.
	By []string `json:"by,omitempty"`
	// Ordinary are more such layers, which are enough where the process is not root.
	Ordinary []string `json:"ordinary,omitempty"`
	// Ends are the outcomes where one of those layers is there; none is Stopped alone.
	Ends []Outcome `json:"ends,omitempty"`
	// Needs are the parameters without which it cannot be tried.
	Needs []string `json:"needs,omitempty"`
	// Denial is in the record that the host makes of it where calls are notified; empty
	// where it makes none.
	Denial string `json:"denial,omitempty"`
	// Explained is in what the host says of the process's end, where it is killed.
	Explained string `json:"explained,omitempty"`
	// Spoils says that the process is not as before and should be replaced.
	Spoils bool `json:"spoils,omitempty"`
	// Module is the misbehaving module that tries it as it starts; empty is escape, when it
	// is told to.
	Module string `json:"module,omitempty"`
}

// Held reports whether a layer that stops the attack is among those that are on. Ordinary
// says that the process is not root.
func (a Attack) Held(on []string, ordinary bool) bool {
	there := func(layer string) bool {
		return layer == Host || layer == Kernel || slices.Contains(on, layer)
	}
	return slices.ContainsFunc(a.By, there) || ordinary && slices.ContainsFunc(a.Ordinary, there)
}

// May reports whether the attack may end so where it is held.
func (a Attack) May(o Outcome) bool {
	if len(a.Ends) == 0 {
		return o == Stopped
	}
	return slices.Contains(a.Ends, o)
}

// All are all attacks, in the order of the documentation.
var All = slices.Concat(processes, memory, files, secrets, peers, network, kernel, privileges, starts)

// ByName is the attack of that name.
func ByName(name string) (Attack, bool) {
	i := slices.IndexFunc(All, func(a Attack) bool { return a.Name == name })
	if i < 0 {
		return Attack{}, false
	}
	return All[i], true
}

// Result is what the module answers of one attack.
type Result struct {
	Attack  string  `json:"attack"`
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail"` // the error, or what was reached
}

// Parameters of the attacks: what the test knows of the machine and a module can only
// guess.
const (
	HostPID     = "host"     // the runtime's process
	SiblingPID  = "sibling"  // another module's process
	State       = "state"    // the state directory
	Artifact    = "artifact" // its own executable in the store
	Outside     = "outside"  // a folder that everybody may write, with the file "secret"
	Data        = "data"     // another module's data folder, with the file "secret"
	Admin       = "admin"    // host:port of the admin API
	AdminSocket = "socket"   // the admin API's socket in the state directory
	Control     = "control"  // another module's control socket
	Abstract    = "abstract" // an abstract socket that the test listens on, without the @
	TCP         = "tcp"      // host:port that the test listens on
	UDP         = "udp"      // host:port that the test answers on
)
