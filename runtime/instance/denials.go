package instance

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// How many different denials of one process are kept, how many of one layer, and how many
// of one kind, which is a layer's first word, such as mount: what a module tries in
// thousands must not hide what it tried once. The last of the room is for the first of a
// kind alone. The rest is counted in one more entry of its layer.
const (
	mostDenials = 100
	mostOfLayer = 60
	mostOfKind  = 20
	firstOfKind = 20
)

// otherThings is what the rest of a layer was.
const otherThings = "other things"

// maxDenial bounds the words of a denial, in bytes.
const maxDenial = 200

// denials are what a process has tried and may not. The zero value is ready for use.
type denials struct {
	tell func(module.Denial) // of each that is new; may be nil

	mu   sync.Mutex
	kept []module.Denial
}

// add counts one, and tells of it where it is new.
func (d *denials) add(denial module.Denial) {
	now := time.Now()
	denial.By, denial.What, denial.Hint = bounded(denial.By), bounded(denial.What), bounded(denial.Hint)
	denial.First, denial.Last, denial.Count = now, now, max(1, denial.Count)
	if d.count(&denial) && d.tell != nil {
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

// count counts a denial, as one of the rest where there is no room. It reports whether
// what it counts it as is new.
func (d *denials) count(denial *module.Denial) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.knownLocked(*denial) {
		return false
	}
	if !d.roomLocked(*denial) {
		denial.What, denial.Hint = otherThings, ""
		if d.knownLocked(*denial) {
			return false
		}
	}
	d.kept = append(d.kept, *denial)
	return true
}

// knownLocked counts a denial where it is one that is kept.
func (d *denials) knownLocked(denial module.Denial) bool {
	at := slices.IndexFunc(d.kept, denial.Same)
	if at < 0 {
		return false
	}
	d.kept[at].Count += denial.Count
	d.kept[at].Last, d.kept[at].Fatal = denial.Last, d.kept[at].Fatal || denial.Fatal
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

// roomLocked reports whether one more denial can be kept.
func (d *denials) roomLocked(denial module.Denial) bool {
	ofLayer, ofKind := 0, 0
	for _, known := range d.kept {
		if known.By != denial.By {
			continue
		}
		ofLayer++
		if kindOf(known) == kindOf(denial) {
			ofKind++
		}
	}
	if ofKind == 0 {
		return ofLayer < mostOfLayer && len(d.kept) < mostDenials
	}
	return ofKind < mostOfKind && ofLayer < mostOfLayer-firstOfKind && len(d.kept) < mostDenials-firstOfKind
}

// kindOf is the first word of what was tried.
func kindOf(d module.Denial) string {
	kind, _, _ := strings.Cut(d.What, " ")
	return kind
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
