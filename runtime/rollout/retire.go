package rollout

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"go.uber.org/zap"
)

// mostLeaving is how many processes of a module may be on their way down for the sake of
// answers that are long: each takes what a process takes, for as long as a client likes.
const mostLeaving = 8

// retire takes a process out: no more traffic, what is in flight ends, then it is
// stopped. It returns at once, and the module may be rolled on meanwhile.
func (o *owner) retire(p *process) {
	p.cancel()
	if p.inst == nil {
		return // still starting: the cancelled start cleans up
	}
	if b := o.starts[p.plan.Key]; b != nil {
		b.keep(p)
	}
	leaving, hurry := context.WithCancel(o.hurry)
	p.left, p.hurry = time.Now(), hurry
	o.retiring[p] = struct{}{}
	o.workers.Go(func() {
		defer hurry()
		// From then on it is here for answers that are long alone.
		lingers := time.AfterFunc(o.cfg.DrainTimeout, func() { o.post(lingers{}) })
		defer lingers.Stop()
		o.stop(leaving, p)
		o.post(retired{p})
	})
	o.crowd()
}

// crowd has those that have been on their way down for longest give up the answers that
// are long, where there are too many.
func (o *owner) crowd() {
	all := slices.SortedFunc(maps.Keys(o.retiring), func(a, b *process) int { return a.left.Compare(b.left) })
	for _, p := range all[:max(0, len(all)-mostLeaving)] {
		o.shorten(p)
	}
}

// shorten lets what is on its way down have no more time than plain requests get.
func (o *owner) shorten(p *process) {
	if !p.hurried {
		p.hurried = true
		time.AfterFunc(time.Until(p.left.Add(o.cfg.DrainTimeout)), p.hurry)
	}
}

func (o *owner) stop(ctx context.Context, p *process) {
	o.drain(ctx, p) // first: the module knows best how its long answers end
	if p.target != nil {
		if err := p.target.Drain(ctx, o.cfg.DrainTimeout, o.cfg.DrainLong); err != nil {
			o.log.Warn("requests were cut off at the end of the drain", zap.String("instance", p.id), zap.Error(err))
		}
	}
	crashed := isDone(p.inst)
	killed := p.inst.Stop(o.hurry)
	if p.target != nil {
		p.target.Close()
	}
	if crashed {
		return // its crash was told
	}
	ev := module.Event{Type: module.InstanceStopped, Version: p.plan.Version, Digest: p.plan.Digest, Instance: p.id, Message: p.plan.Release.String() + " stopped"}
	if killed {
		ev.Reason = "ignored the stop and was killed after the grace"
		ev.Message = p.plan.Release.String() + " " + ev.Reason
	}
	o.tell(ev, nil)
}

// drain tells the module that no new request will come.
func (o *owner) drain(ctx context.Context, p *process) {
	if err := p.inst.Drain(ctx); err != nil {
		o.log.Debug("module did not take the drain call", zap.String("instance", p.id), zap.Error(err))
	}
}

func isDone(inst Instance) bool {
	select {
	case <-inst.Done():
		return true
	default:
		return false
	}
}

// shutdown stops every process of the module and waits for all workers.
func (o *owner) shutdown() {
	if at := o.stopBy.Load(); at != nil {
		cut := time.AfterFunc(time.Until(*at), o.rush)
		defer cut.Stop()
	}
	for _, set := range []map[string]*process{o.running, o.coming} {
		for key, p := range set {
			delete(set, key)
			o.retire(p)
		}
	}
	for again := true; again; {
		for p := range o.retiring {
			o.shorten(p)
		}
		gone := make(chan struct{})
		go func() { o.workers.Wait(); close(gone) }()
		again = o.emptyMail(gone)
	}
}

// emptyMail takes the mail until gone is closed and no mail is left. It reports
// whether it found another process to retire: one that came up while everything
// else went down.
func (o *owner) emptyMail(gone <-chan struct{}) (found bool) {
	for {
		var m message
		select {
		case m = <-o.mail:
		default:
			select {
			case m = <-o.mail:
			case <-gone:
				if len(o.mail) == 0 { // nobody is left who could send more
					return found
				}
				continue
			}
		}
		switch m := m.(type) {
		case request:
			m.reply <- errStopping
		case up:
			if m.inst != nil {
				m.p.inst = m.inst
				o.retire(m.p)
				found = true
			}
		}
	}
}
