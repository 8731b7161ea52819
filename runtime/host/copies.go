package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/replay"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
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
	of *balance.Target
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

// watchLocked gives now the ring and the mirror that s asks for: those of old where
// they still do.
func (t *traffic) watchLocked(name string, s rollout.Split, old, now *routed) error {
	how, stable := s.Policy.Rehearsal, ""
	for _, share := range s.Shares {
		if own, ok := share.Target.(target); ok && share.Stable {
			stable = own.Labels().Version
		}
	}
	switch {
	case how.Requests == nil || *how.Requests == 0:
		now.ring = nil
	case !now.ring.serves(stable, how):
		// A new one, not the old one emptied: what is in flight to the former stable
		// release is still being recorded there.
		ring, err := replay.NewRing(replay.RingConfig{Keep: how.Keep, Headers: how.Headers})
		if err != nil {
			return fmt.Errorf("record requests of %s: %w", name, err)
		}
		now.ring = &recorder{Ring: ring, keep: how.Keep, headers: how.Headers, of: stable}
	case now.ring.of == "":
		now.ring.of = stable
	}
	to, wanted := s.Mirror.(target)
	if !wanted || s.Policy.Mirror.Share == nil || *s.Policy.Mirror.Share == 0 {
		return nil
	}
	if old != nil && old.mirror != nil && old.mirror.of == to.Target {
		now.mirror = old.mirror
		return nil
	}
	rules, err := replay.ParseRules(how.Ignore, how.Headers)
	if err != nil {
		return fmt.Errorf("mirror %s: %w", name, err)
	}
	cfg := replay.MirrorConfig{Dial: to.Dial, Share: int(*s.Policy.Mirror.Share), Rules: rules}
	for _, m := range s.Policy.Mirror.Matches {
		cfg.Matches = append(cfg.Matches, replay.Match(m))
	}
	made, err := replay.NewMirror(cfg)
	if err != nil {
		return fmt.Errorf("mirror %s: %w", name, err)
	}
	now.mirror = &mirror{Mirror: made, of: to.Target}
	return nil
}

// closeMirror ends the mirror of gone, unless kept has it too. It does not wait.
func (t *traffic) closeMirror(kept, gone *routed) {
	if gone == nil || gone.mirror == nil || kept != nil && kept.mirror == gone.mirror {
		return
	}
	t.copying.Go(gone.mirror.Close)
}

// close ends all mirrors and waits for them; call it when there is no traffic any more.
func (t *traffic) close() {
	t.mu.Lock()
	for _, m := range t.modules {
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
			return m.ring.Recent(n), share.Target.Dial
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
