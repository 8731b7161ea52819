package module

import (
	"slices"
	"time"

	"github.com/segue-run/segue/sdk/manifest"
)

// Level says how well a module is held in. Each level holds what the one before holds.
type Level string

// The levels, in their order.
const (
	LevelNone      Level = "none"      // rlimits, and whatever else this kernel has
	LevelConfined  Level = "confined"  // Landlock and seccomp, for any user
	LevelIsolated  Level = "isolated"  // namespaces of its own as well
	LevelContained Level = "contained" // a user id and cgroups of its own as well
)

// Levels are all of them, the lowest first.
var Levels = []Level{LevelNone, LevelConfined, LevelIsolated, LevelContained}

// Reaches reports whether l is least or above it.
func (l Level) Reaches(least Level) bool {
	return slices.Index(Levels, l) >= slices.Index(Levels, least)
}

// LayerState says how much of a layer there is.
type LayerState string

// The states of a layer.
const (
	LayerOn     LayerState = "on"
	LayerPartly LayerState = "partly"
	LayerOff    LayerState = "off"
)

// The layers by their names, the outermost first.
const (
	LayerRlimits     = "rlimits"
	LayerNoNewPrivs  = "no-new-privs"
	LayerEnvironment = "environment"
	LayerDescriptors = "descriptors"
	LayerSession     = "session"
	LayerParentDeath = "parent-death"
	LayerLandlock    = "landlock"
	LayerSeccomp     = "seccomp"
	LayerNotify      = "notify"
	LayerUserNS      = "user-namespace"
	LayerPIDNS       = "pid-namespace"
	LayerIPCNS       = "ipc-namespace"
	LayerNetworkNS   = "network-namespace"
	LayerOwnUser     = "own-user"
	LayerMemory      = "cgroup-memory"
	LayerCPU         = "cgroup-cpu"
	LayerPIDs        = "cgroup-pids"
	LayerAudit       = "landlock-audit"
)

// AvoidableLayers are those that an operator can leave out; the launcher always puts on
// the others.
var AvoidableLayers = []string{
	LayerLandlock, LayerSeccomp, LayerNotify, LayerUserNS, LayerPIDNS, LayerIPCNS, LayerNetworkNS,
	LayerOwnUser, LayerMemory, LayerCPU, LayerPIDs, LayerAudit,
}

// The user ids that modules get where nobody says otherwise, both included.
const (
	DefaultFirstUID = 700_000
	DefaultLastUID  = 765_535
)

// Layer is one of the things that hold a module in.
type Layer struct {
	Name  string     `json:"name"` // LayerLandlock
	State LayerState `json:"state"`
	// Why it is not wholly there, and what would change that; empty where it is.
	Why string `json:"why,omitempty"`
	// Means says what it keeps a module from; where it is not wholly there, what a
	// module can do for that.
	Means string `json:"means"`
}

// Sandbox is what one process runs under.
type Sandbox struct {
	Level  Level   `json:"level"`
	Layers []Layer `json:"layers"`
	// User is the id of the user of its own that the process has; 0 where it runs as the
	// runtime's.
	User uint32 `json:"user,omitempty"`
	// Permissions are those that were asked for and granted; Withheld were asked for
	// alone.
	Permissions manifest.Permissions `json:"permissions,omitzero"`
	Withheld    manifest.Permissions `json:"withheld,omitzero"`
	// Useless are those of Permissions that come to nothing, each with why: "write /srv/out:
	// user 700001 may not write there (root, mode 0755)".
	Useless []string `json:"useless,omitempty"`
	// Revoked are those of Permissions that are not granted any more: the process has them
	// until it ends.
	Revoked manifest.Permissions `json:"revoked,omitzero"`
	Quotas  manifest.Quotas      `json:"quotas,omitzero"`
}

// Grants are what operators have approved for a module with `segue approve`; what the
// configuration grants it is not in them.
type Grants struct {
	Permissions manifest.Permissions `json:"permissions,omitzero"`
	// Actor and At are of the last approval, or of the last revocation.
	Actor string    `json:"actor"`
	At    time.Time `json:"at"`
}

// Denial is one thing that a module tried and may not, or a quota that it reached.
type Denial struct {
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Count uint64    `json:"count"` // how often; 1 in what is told when it happens
	// By is what denied it: ByGateway and those that follow.
	By string `json:"by"`
	// What was tried: "connect 10.0.0.1:443", "ptrace", "read /etc/passwd", "storage".
	What string `json:"what"`
	// Hint says what would allow it; empty where nothing does.
	Hint string `json:"hint,omitempty"`
	// Fatal: it was a quota, and the process died of it.
	Fatal bool `json:"fatal,omitempty"`
	// Instance is the process of several that it was denied to; empty where that is more
	// than one, or there is but one.
	Instance string `json:"instance,omitempty"`
}

// Fall is how a release's process ended by itself, or why it had to be replaced.
type Fall struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	// Quota is the one that it died of, "memory"; empty for none. Hint says what would
	// raise it.
	Quota string `json:"quota,omitempty"`
	Hint  string `json:"hint,omitempty"`
}

// What denies, in Denial.By.
const (
	ByGateway  = "gateway"
	BySeccomp  = LayerSeccomp
	ByLandlock = LayerLandlock
	ByQuota    = "quota" // it was reached
)

// Same reports whether d and e are of the same thing, however often it was tried.
func (d Denial) Same(e Denial) bool { return d.By == e.By && d.What == e.What }

// Together are the denials of two processes, each once; those of before come first.
func Together(before, now []Denial) []Denial {
	all := slices.Clone(before)
	for _, d := range now {
		i := slices.IndexFunc(all, d.Same)
		if i < 0 {
			all = append(all, d)
			continue
		}
		if first := all[i].First; first.Before(d.First) {
			d.First = first
		}
		if last := all[i].Last; last.After(d.Last) {
			d.Last = last
		}
		d.Count, d.Fatal = all[i].Count+d.Count, all[i].Fatal || d.Fatal
		if d.Instance != all[i].Instance {
			d.Instance = ""
		}
		all[i] = d
	}
	return all
}
