package launch

import (
	"fmt"
	"math"
	"syscall"
)

// Unlimited is the value of a limit that shall not be set below infinity.
const Unlimited uint64 = math.MaxUint64

// What a limit may at least be. Below it a Go program that serves HTTP does not
// come up, and dies in ways that say nothing of limits.
const (
	MinNoFile = 64
	MinData   = 128 << 20
	MinFSize  = 1 << 20
	MinNProc  = 64
)

// Limits are the resource limits of one process, soft and hard alike. Zero means
// the default. Core dumps are always off. There is no limit on processor time here,
// for it counts over the whole life of a process and would end a healthy server; who
// wants one sets Confinement.CPUSeconds.
type Limits struct {
	NoFile uint64 // open descriptors; default 4096
	Data   uint64 // bytes of private writable memory; default 1 GiB. A Go heap gets about 80 MiB less.
	FSize  uint64 // bytes of one written file; default 1 GiB
	NProc  uint64 // threads of the user, of all his processes together; default 4096; the kernel ignores it for root
}

// WithDefaults is l with each zero replaced by the default.
func (l Limits) WithDefaults() Limits {
	def := func(v *uint64, d uint64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&l.NoFile, 4096)
	def(&l.Data, 1<<30)
	def(&l.FSize, 1<<30)
	def(&l.NProc, 4096)
	return l
}

// Validate refuses limits under which no module could run. Zeros are the defaults
// and pass.
func (l Limits) Validate() error {
	l = l.WithDefaults()
	for _, c := range []struct {
		name       string
		value, min uint64
	}{
		{"nofile", l.NoFile, MinNoFile},
		{"data", l.Data, MinData},
		{"fsize", l.FSize, MinFSize},
		{"nproc", l.NProc, MinNProc},
	} {
		if c.value < c.min {
			return fmt.Errorf("limit %s is %d: a module needs at least %d", c.name, c.value, c.min)
		}
	}
	return nil
}

// Clamp is a limit that was asked for above what this process may give.
type Clamp struct {
	Limit       string // "nofile"
	Asked, Gets uint64
}

// String is "nofile=8192 is above the hard limit; it is 4096".
func (c Clamp) String() string {
	return fmt.Sprintf("%s=%s is above the hard limit; it is %d", c.Limit, limitText(c.Asked), c.Gets)
}

// Clamped is l with its defaults, none above the present hard limit of this
// process, and what had to be lowered for that. A child inherits the hard limits,
// so what passes here can be set there.
func (l Limits) Clamped() (Limits, []Clamp) {
	l = l.WithDefaults()
	var clamps []Clamp
	for _, c := range []struct {
		name     string
		resource int
		value    *uint64
	}{
		{"nofile", syscall.RLIMIT_NOFILE, &l.NoFile},
		{"data", syscall.RLIMIT_DATA, &l.Data},
		{"fsize", syscall.RLIMIT_FSIZE, &l.FSize},
		{"nproc", rlimitNProc, &l.NProc},
	} {
		var now syscall.Rlimit
		if err := syscall.Getrlimit(c.resource, &now); err != nil || *c.value <= now.Max {
			continue
		}
		clamps = append(clamps, Clamp{Limit: c.name, Asked: *c.value, Gets: now.Max})
		*c.value = now.Max
	}
	return l, clamps
}

// rlimitNProc is RLIMIT_NPROC, which the package syscall does not name.
const rlimitNProc = 6

// rlimitSigPending is RLIMIT_SIGPENDING, which it does not name either.
const rlimitSigPending = 11

func limitText(v uint64) string {
	if v == Unlimited {
		return "unlimited"
	}
	return fmt.Sprint(v)
}
