package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// What an operator names to decide on the permissions that a release asks for.
const (
	toGrant   = "grant"   // it gets them
	toWithout = "without" // it goes on with those that it has
)

// Grants are what operators have approved for a module, all releases of it.
type Grants struct {
	Permissions manifest.Permissions `json:"permissions,omitzero"`
	// Actor is who decided last, At when.
	Actor module.Actor `json:"actor"`
	At    time.Time    `json:"at"`
	// Taken is what was taken back, where nothing was decided since: a release that asks
	// for it must be decided on even where its predecessor asked for it as well.
	Taken manifest.Permissions `json:"taken,omitzero"`
}

// Asks is what the candidate of a rollout that has started nothing yet asks for.
type Asks struct {
	// Configured is what the configuration grants the module.
	Configured manifest.Permissions `json:"configured,omitzero"`
	// Lacks is what it asks for and nobody has granted; Fresh is what of that its
	// predecessor did not ask for, and Taken what was approved once and is revoked.
	Lacks manifest.Permissions `json:"lacks,omitzero"`
	Fresh manifest.Permissions `json:"fresh,omitzero"`
	Taken manifest.Permissions `json:"taken,omitzero"`
}

// maxGrants bounds what is approved for a module, over all its releases.
const maxGrants = 512

// granted is what operators have approved for the module.
func (r *Record) granted() manifest.Permissions {
	if r.Grants == nil {
		return manifest.Permissions{}
	}
	return r.Grants.Permissions
}

// approvedSince reports whether an operator has approved more than old has.
func (r *Record) approvedSince(old Record) bool {
	return !none(r.granted()) && (old.Grants == nil || r.Grants.At != old.Grants.At)
}

// findAsks finds anew what the candidate lacks, as long as nothing of it was started. A
// way back asks for nothing.
func (r *Record) findAsks() {
	ro := r.Rollout
	if !ro.Active() || ro.Phase != Pending || ro.Condemns != "" {
		return
	}
	w := &ro.Asks
	w.Lacks = grant.Missing(ro.Candidate.Asked, grant.Union(w.Configured, r.granted()))
	w.Fresh, w.Taken = w.Lacks, manifest.Permissions{}
	if r.Grants != nil {
		w.Taken = grant.Common(w.Lacks, r.Grants.Taken)
	}
	if r.Stable != nil {
		w.Fresh = grant.Missing(w.Lacks, r.Stable.Asked)
	}
}

// holds reports whether an operator must decide before the candidate is started.
func (w *Asks) holds() bool { return !none(w.Fresh) || !none(w.Taken) }

// withheld is what serves asks for and nobody has granted.
func (r *Record) withheld(configured manifest.Permissions) manifest.Permissions {
	if r.Stable == nil {
		return manifest.Permissions{}
	}
	return grant.Missing(r.Stable.Asked, grant.Union(configured, r.granted()))
}

// none reports whether there is nothing in p.
func none(p manifest.Permissions) bool { return len(grant.Lines(p)) == 0 }

// decideGrant gives the candidate what it lacks, all of which was shown, or lets it go on
// without. Either must be asked for by its name, so that an approval that comes twice
// hands out nothing.
func (r *Record) decideGrant(ev approve, now time.Time) error {
	ro := r.Rollout
	switch ev.Point {
	case toGrant:
		if ev.Rollout == "" {
			return &module.Error{Kind: module.Conflict, Field: "rollout", Msg: fmt.Sprintf("is not named, and another release could have taken the place of the one that was looked at; %s to %s %s", ro.ID, ro.Candidate.Version, ro.asks()),
				Hint: fmt.Sprintf("`segue approve %s %s --rollout %s` grants that", r.Module, toGrant, ro.ID)}
		}
		if err := r.grant(ro.Asks.Lacks, ev.Actor, now); err != nil {
			return err
		}
	case toWithout:
		if r.Grants != nil && none(r.Grants.Permissions) {
			r.Grants = nil
		}
	case "":
		return &module.Error{Kind: module.Conflict,
			Msg:  fmt.Sprintf("%s to %s %s%s", ro.ID, ro.Candidate.Version, ro.asks(), ro.lastAct(now)),
			Hint: fmt.Sprintf("say which: `segue approve %[1]s %[2]s --rollout %[4]s` or `segue approve %[1]s %[3]s`", r.Module, toGrant, toWithout, ro.ID)}
	default:
		return &module.Error{Kind: module.Conflict, Field: "point", Value: ev.Point,
			Msg:  fmt.Sprintf("decides nothing: %s to %s %s%s", ro.ID, ro.Candidate.Version, ro.asks(), ro.lastAct(now)),
			Hint: ro.ways()}
	}
	r.did("approve", ev.Actor, ev.Point, now)
	ro.pass(atGrant, now)
	r.findAsks()
	r.advance(now)
	return nil
}

// grant approves more for the module.
func (r *Record) grant(more manifest.Permissions, actor module.Actor, now time.Time) error {
	all := grant.Union(r.granted(), more)
	if n := len(grant.Lines(all)); n > maxGrants {
		return &module.Error{Kind: module.Conflict, Msg: fmt.Sprintf("that would make %d permissions that were approved for module %s, more than %d", n, r.Module, maxGrants),
			Hint: fmt.Sprintf("take them back with `segue revoke %[1]s` and grant what it needs in segue.yaml, in modules.%[1]s.grants", r.Module)}
	}
	r.Grants = &Grants{Permissions: all, Actor: actor, At: now}
	return nil
}

// grantServing gives what serves, beside which no rollout is under way, what it asked for
// and was not granted. Its next process gets that.
func (r *Record) grantServing(ev approve, now time.Time) error {
	lacks := r.withheld(ev.Configured)
	if none(lacks) {
		return &module.Error{Kind: module.Conflict, Field: "point", Value: ev.Point, Msg: "grants nothing: " + r.Stable.String() + " serves, and all that it asks for is granted",
			Hint: "segue show " + r.Module + " tells what its process has"}
	}
	return r.grant(lacks, ev.Actor, now)
}

// revoke takes back all that operators have approved for the module, as far as processes
// go that are started from now on. What has started nothing yet is decided on again.
func (r *Record) revoke(ev revoke, now time.Time) error {
	if none(r.granted()) {
		return &module.Error{Kind: module.Conflict, Msg: "no operator has approved a permission for module " + r.Module,
			Hint: "what segue.yaml grants it is taken back there, in modules." + r.Module + ".grants"}
	}
	r.Grants = &Grants{Actor: ev.Actor, At: now, Taken: r.granted()}
	if ro := r.Rollout; ro.Active() {
		ro.Passed = slices.DeleteFunc(ro.Passed, func(name string) bool { return name == atGrant })
		r.findAsks()
	}
	return nil
}

// asks says all that the candidate asks for and has not been granted: first what its
// predecessor did not ask for. Nothing is left out: whoever decides sees all of it.
func (r *Rollout) asks() string {
	w := r.Asks
	fresh := grant.Missing(w.Fresh, w.Taken)
	known := grant.Missing(grant.Missing(w.Lacks, w.Fresh), w.Taken)
	var parts []string
	if !none(fresh) {
		more := "for "
		if !r.From.IsZero() {
			more = "for more than " + r.From.Version + ": "
		}
		parts = append(parts, more+listed(fresh))
	}
	if !none(w.Taken) {
		parts = append(parts, "for what was approved once and is revoked: "+listed(w.Taken))
	}
	if !none(known) {
		parts = append(parts, fmt.Sprintf("as %s for what was not granted either: %s", r.From.Version, listed(known)))
	}
	return "asks " + strings.Join(parts, "; and ")
}

// listed are all of p, in one line.
func listed(p manifest.Permissions) string { return strings.Join(grant.Lines(p), ", ") }

// ways are the two that lead on.
func (r *Rollout) ways() string {
	return fmt.Sprintf("`segue approve %[1]s %[2]s --rollout %[4]s` grants all that it asks for, `segue approve %[1]s %[3]s` lets it go on with what is granted", r.Candidate.Module, toGrant, toWithout, r.ID)
}

// grantsServing reports whether an approval is for what serves: no rollout waits for it.
func (r *Record) grantsServing(ev approve) bool {
	return ev.Point == toGrant && r.Stable != nil && !r.Rollout.Active()
}

// words for the audit of what changes the module's permissions; none for any other event.
func (r *Record) grantWords(ev any, now time.Time) []string {
	switch ev := ev.(type) {
	case approve:
		if r.grantsServing(ev) {
			return inReasons("grants ", grant.Lines(r.withheld(ev.Configured)))
		}
		if !r.Rollout.Active() {
			return nil
		}
		g, ok := r.Rollout.nextGate(now)
		switch lines := grant.Lines(r.Rollout.Asks.Lacks); {
		case !ok || g.kind != atGrant:
		case ev.Point == toGrant:
			return inReasons("grants ", lines)
		case ev.Point == toWithout:
			return inReasons("goes on without ", lines)
		}
	case revoke:
		return inReasons("takes back ", grant.Lines(r.granted()))
	}
	return nil
}

// maxWords is how much of an audit record's reason the words take, in bytes; a list that
// is longer goes on in another record, so that no line is lost.
const maxWords = 900

func inReasons(verb string, lines []string) []string {
	var all []string
	text := ""
	for _, line := range lines {
		switch {
		case text == "":
			text = verb + line
		case len(text)+len(line) > maxWords:
			all, text = append(all, text), verb+line
		default:
			text += ", " + line
		}
	}
	if text == "" {
		return nil
	}
	return append(all, text)
}
