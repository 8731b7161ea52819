package policy

import (
	"cmp"
	"maps"

	"github.com/segue-run/segue/sdk/manifest"
)

// Over is p with what it leaves unset taken from base. Hooks and signs are taken one
// by one, lists as a whole; an empty list that is not nil is one that was set to
// nothing. The two share what they hold.
func (p Policy) Over(base Policy) Policy {
	p.Rollout = p.Rollout.Over(base.Rollout)
	p.Window = cmp.Or(p.Window, base.Window)
	p.OnNew = cmp.Or(p.OnNew, base.OnNew)
	p.SlowFactor = cmp.Or(p.SlowFactor, base.SlowFactor)
	p.SlowFloor = cmp.Or(p.SlowFloor, base.SlowFloor)
	p.Overdue = cmp.Or(p.Overdue, base.Overdue)
	p.MaxErrorsAlone = cmp.Or(p.MaxErrorsAlone, base.MaxErrorsAlone)
	p.Shield = p.Shield.over(base.Shield)
	p.Sticky = cmp.Or(p.Sticky, base.Sticky)
	p.PreviewHost = cmp.Or(p.PreviewHost, base.PreviewHost)
	p.Mirror = p.Mirror.over(base.Mirror)
	p.Rehearsal = p.Rehearsal.over(base.Rehearsal)
	p.MaxDifferences = cmp.Or(p.MaxDifferences, base.MaxDifferences)
	p.Checks = orList(p.Checks, base.Checks)
	p.Hooks = orMap(p.Hooks, base.Hooks)
	p.HookTimeout = cmp.Or(p.HookTimeout, base.HookTimeout)
	p.Approvals = orList(p.Approvals, base.Approvals)
	p.ApprovalTimeout = cmp.Or(p.ApprovalTimeout, base.ApprovalTimeout)
	p.Freeze = orList(p.Freeze, base.Freeze)
	p.Signs = orMap(p.Signs, base.Signs)
	return p
}

func (s Shield) over(base Shield) Shield {
	return Shield{
		Enabled: cmp.Or(s.Enabled, base.Enabled),
		Routes:  orList(s.Routes, base.Routes),
		Budget:  cmp.Or(s.Budget, base.Budget),
	}
}

func (m Mirror) over(base Mirror) Mirror {
	return Mirror{Share: cmp.Or(m.Share, base.Share), Matches: orList(m.Matches, base.Matches)}
}

func (r Rehearsal) over(base Rehearsal) Rehearsal {
	return Rehearsal{
		Requests: cmp.Or(r.Requests, base.Requests),
		Ignore:   orList(r.Ignore, base.Ignore),
		Headers:  orList(r.Headers, base.Headers),
		Keep:     orList(r.Keep, base.Keep),
	}
}

func orList[T any](list, base []T) []T {
	if list == nil {
		return base
	}
	return list
}

// orMap is base with what set holds put over it; neither is changed.
func orMap[K comparable, V any](set, base map[K]V) map[K]V {
	if len(set) == 0 {
		return base
	}
	both := maps.Clone(base)
	if both == nil {
		both = make(map[K]V, len(set))
	}
	maps.Copy(both, set)
	return both
}

// Complete is p with nothing left open: over Default, and with what belongs together
// made to fit. A strategy other than gradual has the one step of 100 %; a limit that
// came from further down than a longer hold is as long as the hold; what was set to
// nothing is unset.
func (p Policy) Complete() Policy {
	p = p.Over(Default())
	if p.Strategy != manifest.Gradual {
		p.Steps = []manifest.Weight{manifest.Full}
	}
	if *p.Limit < *p.Hold {
		p.Limit = p.Hold
	}
	p.Shield.Routes = unlessEmpty(p.Shield.Routes)
	p.Mirror.Matches = unlessEmpty(p.Mirror.Matches)
	p.Rehearsal.Ignore = unlessEmpty(p.Rehearsal.Ignore)
	p.Rehearsal.Headers = unlessEmpty(p.Rehearsal.Headers)
	p.Rehearsal.Keep = unlessEmpty(p.Rehearsal.Keep)
	p.Checks, p.Approvals, p.Freeze = unlessEmpty(p.Checks), unlessEmpty(p.Approvals), unlessEmpty(p.Freeze)
	p.Hooks = maps.Clone(p.Hooks)
	maps.DeleteFunc(p.Hooks, func(_ Point, url string) bool { return url == "" })
	if len(p.Hooks) == 0 {
		p.Hooks = nil
	}
	return p
}

func unlessEmpty[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}
