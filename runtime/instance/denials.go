package instance

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// How many different denials of one process are kept, and how many of one layer: what a
// module tries in thousands must not hide what it tried once. The rest is not kept.
const (
	mostDenials = 100
	mostOfLayer = 60
)

// maxDenial bounds the words of a denial, in bytes.
const maxDenial = 200

// denials are what a process has tried and may not. The zero value is ready for use.
type denials struct {
	tell func(module.Denial) // of each that is new; may be nil

	mu   sync.Mutex
	kept []module.Denial
}

// add counts one, and tells of it where it is the first of its kind.
func (d *denials) add(denial module.Denial) {
	now := time.Now()
	denial.By, denial.What, denial.Hint = bounded(denial.By), bounded(denial.What), bounded(denial.Hint)
	denial.First, denial.Last, denial.Count = now, now, max(1, denial.Count)
	if d.count(denial) && d.tell != nil {
		d.tell(denial)
	}
}

// Denials are what it has tried and may not, and the quotas that it has reached: the
// different ones with their counts, at most a hundred.
func (i *Instance) Denials() []module.Denial { return i.denials.all() }

// Deny counts what another part of the host has refused the process, as the sandbox's
// own denials are. What would raise a quota need not be said.
func (i *Instance) Deny(d module.Denial) {
	if d.By == module.ByQuota && d.Hint == "" {
		d.Hint = i.raise(d.What)
	}
	i.denials.add(d)
}

// Deny counts what another part of the host saw denied to the process with that pid. Where
// none of the Starter's has it, it does nothing.
func (s *Starter) Deny(pid int, d module.Denial) {
	if i := s.withPID(pid); i != nil {
		i.Deny(d)
	}
}

// withPID is the instance whose process has that pid, or had it last; nil where there is
// none.
func (s *Starter) withPID(pid int) *Instance {
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.running))
	s.mu.Unlock()
	var ended *Instance
	for _, i := range all {
		if pid == 0 || i.proc.id() != pid {
			continue
		}
		select {
		case <-i.proc.gone:
			ended = i
		default:
			return i
		}
	}
	return ended
}

// count reports whether it is new, and kept.
func (d *denials) count(denial module.Denial) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	ofLayer := 0
	for n := range d.kept {
		known := &d.kept[n]
		if known.By != denial.By {
			continue
		}
		if ofLayer++; known.What == denial.What {
			known.Count += denial.Count
			known.Last, known.Fatal = denial.Last, known.Fatal || denial.Fatal
			return false
		}
	}
	if ofLayer >= mostOfLayer || len(d.kept) >= mostDenials {
		return false
	}
	d.kept = append(d.kept, denial)
	return true
}

// ends marks a quota as the one that the process died of; it reports whether that was
// reached before.
func (d *denials) ends(quota string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n := range d.kept {
		if known := &d.kept[n]; known.By == module.ByQuota && known.What == quota {
			known.Fatal = true
			return true
		}
	}
	return false
}

// all is a copy, in the order in which they were first.
func (d *denials) all() []module.Denial {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.kept)
}

// last is what a layer denied last; "" where it denied nothing.
func (d *denials) last(layer string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var last module.Denial
	for _, denial := range d.kept {
		if denial.By == layer && denial.Last.After(last.Last) {
			last = denial
		}
	}
	return last.What
}

func bounded(text string) string {
	return module.Clip(printable(module.Clip(text, maxDenial)), maxDenial)
}
