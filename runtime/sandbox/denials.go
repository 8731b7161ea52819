package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox/landlock"
)

// WatchDenials tells emit what Landlock denies to the processes that were prepared here,
// and to what those have started, with the pid of the first: the one that a Cell was for.
// It tells of others as well that are restricted on this machine; whose a pid is the
// caller knows. At most 200 are told in a second, and what a program's start tries anyway
// is not. It blocks until ctx ends, and is nil then; it returns nil at once where there
// is no layer landlock-audit. It calls emit itself, which must not block for long.
func (m *Machine) WatchDenials(ctx context.Context, emit func(pid int, d module.Denial)) error {
	if !m.has(module.LayerAudit) {
		return nil
	}
	err := landlock.WatchDenials(ctx, func(d landlock.AuditDenial) {
		if d.PID != 0 && !everyday(d) {
			emit(d.PID, m.denialOf(d))
		}
	})
	if err != nil {
		return fmt.Errorf("watch what Landlock denies: %w", err)
	}
	return nil
}

// everyday reports whether it is what the start of each Go program tries to read, and does
// without: the size of huge pages, the length of a listener's queue, its own cgroup.
func everyday(d landlock.AuditDenial) bool {
	if !slices.Equal(d.Blockers, []string{"fs.read_file"}) {
		return false
	}
	self := "/proc/" + strconv.Itoa(d.PID)
	return slices.Contains([]string{
		"/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "/proc/sys/net/core/somaxconn", self + "/cgroup", self + "/mountinfo",
	}, d.Path)
}

// denialOf says it in a module's words. What no grant opens has no hint.
func (m *Machine) denialOf(d landlock.AuditDenial) module.Denial {
	told := func(what, list string) module.Denial {
		denial := module.Denial{Count: 1, By: module.ByLandlock, What: what}
		if list != "" && (d.Path == "" || m.paths.allowed(d.Path) == nil) {
			denial.Hint = "its manifest has to ask for it in permissions." + list + ", and the operator to grant it"
		}
		return denial
	}
	kinds := map[string]bool{}
	for _, blocker := range d.Blockers {
		kinds[kindOf(blocker)] = true
	}
	switch {
	case kinds["write"]:
		return told("write "+d.Path, "write")
	case kinds["exec"]:
		return told("execute "+d.Path, "exec")
	case kinds["read"]:
		return told("read "+d.Path, "read")
	case kinds["connect"]:
		return told("connect to "+port(d.Dest), "connect")
	case kinds["listen"]:
		return told("listen on "+port(d.Dest), "listen")
	case kinds["signal"]:
		return told("signal", "")
	case kinds["socket"]:
		return told("connect to the socket "+d.Path, "")
	}
	return told(strings.TrimSpace(strings.Join(d.Blockers, ", ")+" "+d.Path), "")
}

// kindOf is what a blocker stands against; empty where no permission is about it.
func kindOf(blocker string) string {
	switch blocker {
	case "fs.read_file", "fs.read_dir":
		return "read"
	case "fs.execute":
		return "exec"
	case "fs.change_topology", "fs.resolve_unix", "fs.ioctl_dev":
		return ""
	case "net.connect_tcp":
		return "connect"
	case "net.bind_tcp":
		return "listen"
	case "scope.signal":
		return "signal"
	case "scope.abstract_unix_socket":
		return "socket"
	}
	if strings.HasPrefix(blocker, "fs.") { // write_file, truncate, refer, make_… and remove_…
		return "write"
	}
	return ""
}

// port is a destination, which may be a port alone.
func port(dest string) string {
	if strings.Contains(dest, ":") {
		return dest
	}
	return "port " + dest
}
