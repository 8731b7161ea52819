package rollout

import (
	"context"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"go.uber.org/zap"
)

// retire takes a process out: no more traffic, what is in flight ends, then it is
// stopped. It returns at once.
func (o *owner) retire(p *process) {
	p.cancel()
	if p.inst == nil {
		return // still starting: the cancelled start cleans up
	}
	if b := o.starts[p.plan.Key]; b != nil {
		b.keep(p)
	}
	o.retiring[p] = struct{}{}
	o.workers.Go(func() {
		o.stop(o.hurry, p)
		o.post(retired{p})
	})
}

func (o *owner) stop(ctx context.Context, p *process) {
	select {
	case <-p.inst.Done():
	default:
		drain, cancel := context.WithTimeout(ctx, o.cfg.DrainTimeout)
		if err := p.inst.Drain(drain); err != nil {
			o.log.Debug("module did not take the drain call", zap.String("instance", p.id), zap.Error(err))
		}
		if p.target != nil {
			if err := p.target.Drain(drain); err != nil {
				o.log.Warn("requests were cut off at the end of the drain", zap.String("instance", p.id), zap.Error(err))
			}
		}
		cancel()
	}
	crashed := isDone(p.inst)
	killed := p.inst.Stop(ctx)
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
