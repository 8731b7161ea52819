package sandbox

import (
	"math"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
	"github.com/segue-run/segue/sdk/wire"
)

// dataBeyondHeap is how much private memory a Go program takes beside what it holds: a
// limit at the quota itself would end it long before.
const dataBeyondHeap = 96 << 20

// beyondPIDs is how far the limit of processes lies above the quota where a cgroup counts
// them: only that one, which is to be reached first, tells when it was.
const beyondPIDs = 16

// limits are the resource limits by which quotas are kept for each process. None is so
// low that no module could run, and none above what this process may give.
func (m *Machine) limits(c *Cell, q manifest.Quotas) launch.Limits {
	var l launch.Limits
	if q.Memory > 0 {
		l.Data = max(min(uint64(q.Memory), math.MaxUint64-dataBeyondHeap)+dataBeyondHeap, launch.MinData)
	}
	if q.OpenFiles > 0 {
		l.NoFile = max(uint64(q.OpenFiles), launch.MinNoFile)
	}
	if q.FileSize > 0 {
		l.FSize = max(uint64(q.FileSize), launch.MinFSize)
	}
	// The kernel counts processes by user and user namespace, and root's not at all.
	// Elsewhere another's count, too: the default holds off the worst.
	uid := os.Geteuid()
	if c.confine.User != nil {
		uid = int(c.confine.User.UID)
	}
	if q.Processes > 0 && m.has(module.LayerUserNS) && uid != 0 {
		l.NProc = max(uint64(q.Processes), launch.MinNProc)
		if m.has(module.LayerPIDs) {
			l.NProc += beyondPIDs
		}
	}
	if q.CPUTime > 0 {
		c.confine.CPUSeconds = uint64((time.Duration(q.CPUTime) + time.Second - 1) / time.Second)
	}
	l, _ = l.Clamped()
	// The executable's number lies at the limit and must be to be had before that.
	var hard syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &hard); err == nil && l.NoFile >= hard.Max {
		l.NoFile = hard.Max - 1
	}
	return l
}

// processors are as many of those that this process may run on as a quota needs, in
// turn, so that modules do not all get the same; nil where that is all of them.
func (m *Machine) processors(thousandths int) []int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil
	}
	var all []int
	for cpu := 0; len(all) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			all = append(all, cpu)
		}
	}
	n := whole(thousandths)
	if n >= len(all) {
		return nil
	}
	first := int(m.turn.Add(uint64(n)) % uint64(len(all)))
	chosen := make([]int, n)
	for i := range chosen {
		chosen[i] = all[(first+i)%len(all)]
	}
	return chosen
}

// whole is how many processors a quota needs.
func whole(thousandths int) int { return (thousandths + 999) / 1000 }

// environment is what a module must know of its sandbox.
func environment(req *Request) []string {
	var env []string
	if m := req.Quotas.Memory; m > 0 {
		// In bytes. The collector works harder when the quota comes near.
		env = append(env, "GOMEMLIMIT="+strconv.FormatUint(min(uint64(m)/10*9, math.MaxInt64), 10))
	}
	if cpu := int(req.Quotas.CPU); cpu > 0 {
		env = append(env, "GOMAXPROCS="+strconv.Itoa(min(whole(cpu), runtime.NumCPU())))
	}
	home := req.Temp
	if req.Data != "" {
		home = req.Data
		env = append(env, wire.EnvData+"="+req.Data)
	}
	if home != "" {
		env = append(env, "HOME="+home)
	}
	if req.Temp != "" {
		env = append(env, "TMPDIR="+req.Temp)
	}
	return env
}
