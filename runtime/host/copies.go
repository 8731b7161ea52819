package host

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/replay"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"go.uber.org/zap"
)

// recorder keeps recent requests of one stable release for its module's rehearsals.
type recorder struct {
	*replay.Ring
	keep, headers []string
	of            string // the release's version; empty until it is known
}

// serves reports whether the recorder does for a stable release of that version, where
// one is known, under that policy.
func (r *recorder) serves(version string, how policy.Rehearsal) bool {
	return r != nil && slices.Equal(r.keep, how.Keep) && slices.Equal(r.headers, how.Headers) &&
		(r.of == version || r.of == "" || version == "")
}

// mirror copies a module's requests to one target.
type mirror struct {
	*replay.Mirror
	of *balance.Release
}

func (m *mirror) seen() module.Comparison { return comparisonOf(m.Seen().Comparison) }

// tap shows what stable answers to whom it concerns; nil where that is nobody.
func (r *routed) tap() func(*proxy.Request) proxy.Tap {
	switch {
	case r.ring == nil && r.mirror == nil:
		return nil
	case r.mirror == nil:
		return r.ring.Tap
	case r.ring == nil:
		return r.mirror.Tap
	}
	return func(req *proxy.Request) proxy.Tap { return replay.Taps(r.ring.Tap(req), r.mirror.Tap(req)) }
}

// copyable refuses what of a policy's rehearsals and mirrors cannot be done; in is what
// stands before the fields' names. It is asked before anything starts: later such a
// policy must not stand in the way of traffic.
func copyable(in string, p policy.Policy) error {
	_, keep := replay.NewRing(replay.RingConfig{Keep: p.Rehearsal.Keep})
	_, ignore := replay.ParseRules(p.Rehearsal.Ignore, nil)
	_, headers := replay.ParseRules(nil, p.Rehearsal.Headers)
	for _, c := range []struct {
		field string
		err   error
	}{{"keep", keep}, {"ignore", ignore}, {"headers", headers}} {
		if told, wrong := errors.AsType[*replay.Error](c.err); wrong {
			return &module.Error{Kind: module.Invalid, Field: in + "rollout.rehearsal." + c.field, Value: told.Value, Msg: told.Msg, Hint: told.Hint}
		}
	}
	return nil
}

// watchLocked gives now the ring and the mirror that s asks for: those of old where
// they still do. What cannot be had keeps nobody from the traffic.
func (t *traffic) watchLocked(name string, s rollout.Split, old, now *routed) {
	if ring, err := ringOf(s, now.ring); err != nil {
		t.log.Error("requests are not recorded", zap.String("module", name), zap.Error(err))
		now.ring = nil
	} else {
		now.ring = ring
	}
	to, wanted := s.Mirror.(target)
	if !wanted || s.Policy.Mirror.Share == nil || *s.Policy.Mirror.Share == 0 {
		return
	}
	if old != nil && old.mirror != nil && old.mirror.of == to.Release {
		now.mirror = old.mirror
		return
	}
	var err error
	if now.mirror, err = mirrorOf(s.Policy, to); err != nil {
		t.log.Error("requests are not mirrored", zap.String("module", name), zap.Error(err))
	}
}

// ringOf is the recorder that s asks for, has where that does; nil for none.
func ringOf(s rollout.Split, has *recorder) (*recorder, error) {
	how, stable := s.Policy.Rehearsal, ""
	if how.Requests == nil || *how.Requests == 0 {
		return nil, nil
	}
	for _, share := range s.Shares {
		if own, ok := share.Target.(target); ok && share.Stable {
			stable = own.Labels().Version
		}
	}
	if has.serves(stable, how) {
		if has.of == "" {
			has.of = stable
		}
		return has, nil
	}
	// A new one, not the old one emptied: what is in flight to the former stable release
	// is still being recorded there.
	ring, err := replay.NewRing(replay.RingConfig{Keep: how.Keep, Headers: how.Headers})
	if err != nil {
		return nil, err
	}
	return &recorder{Ring: ring, keep: how.Keep, headers: how.Headers, of: stable}, nil
}

// mirrorOf makes the mirror of a policy.
func mirrorOf(p policy.Policy, to target) (*mirror, error) {
	rules, err := replay.ParseRules(p.Rehearsal.Ignore, p.Rehearsal.Headers)
	if err != nil {
		return nil, err
	}
	cfg := replay.MirrorConfig{Dial: to.Dial, Share: int(*p.Mirror.Share), Rules: rules}
	for _, m := range p.Mirror.Matches {
		cfg.Matches = append(cfg.Matches, proxy.Match(m))
	}
	made, err := replay.NewMirror(cfg)
	if err != nil {
		return nil, err
	}
	return &mirror{Mirror: made, of: to.Release}, nil
}

// closeMirror ends the mirror of gone, unless kept has it too. It does not wait.
func (t *traffic) closeMirror(kept, gone *routed) {
	if gone == nil || gone.mirror == nil || kept != nil && kept.mirror == gone.mirror {
		return
	}
	t.copying.Go(gone.mirror.Close)
}

// close ends all mirrors and what groups do by themselves, and waits for both; call it when
// there is no traffic any more.
func (t *traffic) close() {
	t.mu.Lock()
	for _, m := range t.modules {
		m.group.Close()
		t.closeMirror(nil, m)
		m.mirror = nil
	}
	t.mu.Unlock()
	t.copying.Wait()
}

// recent are requests of the module's stable release, and how to ask it again.
func (t *traffic) recent(name string, n int) ([]replay.Recording, replay.Dial) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.modules[name]
	if m == nil || m.ring == nil {
		return nil, nil
	}
	for _, share := range m.group.Shares() {
		if share.Stable {
			return m.ring.Recent(n), share.Release.Dial
		}
	}
	return nil, nil
}

// rehearse replays recent requests on inst. Where ctx has a deadline it takes nine tenths
// of the time until then, and what was compared by then stands.
func (t *traffic) rehearse(ctx context.Context, name string, inst rollout.Instance, how policy.Rehearsal) (module.Comparison, error) {
	rules, err := replay.ParseRules(how.Ignore, how.Headers)
	if err != nil {
		return module.Comparison{}, &module.Error{Kind: module.Invalid, Field: "rehearsal", Err: err}
	}
	recorded, stable := t.recent(name, *how.Requests)
	if len(recorded) == 0 {
		return module.Comparison{}, nil
	}
	most := ctx
	if deadline, ok := ctx.Deadline(); ok {
		within, cancel := context.WithTimeout(ctx, time.Until(deadline)/10*9)
		defer cancel()
		most = within
	}
	seen, err := replay.Rehearse(most, inst.Dial, recorded, rules, replay.Options{Stable: stable})
	switch {
	case err == nil:
	case ctx.Err() == nil && most.Err() != nil && seen.Requests > 0:
		err = nil
	case errors.Is(err, replay.ErrHost):
		err = &module.Error{Kind: module.Unavailable, Msg: "the rehearsal could not be held", Err: err}
	}
	return comparisonOf(seen), err
}

func comparisonOf(c replay.Comparison) module.Comparison {
	seen := module.Comparison{Requests: c.Requests, Different: c.Different}
	for _, e := range c.Examples {
		seen.Examples = append(seen.Examples, module.Difference{Request: e.Request, What: e.What, Stable: e.Stable, Candidate: e.Candidate})
	}
	return seen
}
