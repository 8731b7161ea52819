package host

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// So many denials of one module are told as events and recorded in so much time: more
// would push everything else out of both. The rest is counted.
const (
	mostTold   = 250
	toldWithin = time.Hour
)

// denied tells what a module tried and may not, or which of its quotas it has reached. Who
// did it is the module.
func (j *journal) denied(rel module.Release, id string, quotas manifest.Quotas, d module.Denial) {
	message, reason := told(rel, quotas, d)
	ev := module.Event{Type: module.ModuleDenied, Module: rel.Module, Version: rel.Version, Digest: rel.Digest, Instance: id, Reason: reason, Message: message}
	action := d.What
	switch n := j.pace.admit(rel.Module, time.Now()); {
	case n > mostTold+1:
		j.observe(ev)
		return
	case n > mostTold:
		action = "further denials"
		reason = fmt.Sprintf("%s was denied more than %d things within an hour; until that is over further ones are counted and not recorded", rel.Module, mostTold)
		ev.Reason, ev.Message = reason, rel.String()+" is denied too much to tell it all"
	}
	j.Emit(ev)
	j.Note(module.AuditRecord{Actor: module.Actor{Kind: "module", Name: rel.Module}, Action: action, Target: rel.String(), Digest: rel.Digest, Outcome: "denied", Reason: reason})
}

// pace counts what modules are denied. The zero value is ready for use.
type pace struct {
	mu      sync.Mutex
	modules map[string]window // those with denials lately
}

// window is what was counted since a module's first denial.
type window struct {
	since time.Time
	count int
}

// admit counts one denial of a module, and gives how many there were within toldWithin.
func (p *pace) admit(name string, now time.Time) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, ok := p.modules[name]
	if !ok || now.Sub(w.since) >= toldWithin {
		maps.DeleteFunc(p.modules, func(_ string, w window) bool { return now.Sub(w.since) >= toldWithin })
		w = window{since: now}
	}
	if p.modules == nil {
		p.modules = map[string]window{}
	}
	w.count++
	p.modules[name] = w
	return w.count
}
