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
	// Revoked: it was all taken back, and nothing was decided since. Then the next
	// release must be decided on even where it asks for no more than its predecessor.
	Revoked bool `json:"revoked,omitempty"`
}

// Asks is what the candidate of a rollout that has started nothing yet asks for.
type Asks struct {
	// Configured is what the configuration grants the module.
	Configured manifest.Permissions `json:"configured,omitzero"`
	// Lacks is what it asks for and nobody has granted; Fresh is what of that its
	// predecessor did not ask for.
	Lacks manifest.Permissions `json:"lacks,omitzero"`
	Fresh manifest.Permissions `json:"fresh,omitzero"`
	// Again: what was approved before was revoked, so that all it lacks is fresh.
	Again bool `json:"again,omitempty"`
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
	a := &ro.Asks
	a.Lacks = grant.Missing(ro.Candidate.Asked, grant.Union(a.Configured, r.granted()))
	a.Fresh, a.Again = a.Lacks, r.Grants != nil && r.Grants.Revoked
	if r.Stable != nil && !a.Again {
		a.Fresh = grant.Missing(a.Lacks, r.Stable.Asked)
	}
}

// holds reports whether an operator must decide before the candidate is started.
func (a *Asks) holds() bool { return !none(a.Fresh) }

// none reports whether there is nothing in p.
func none(p manifest.Permissions) bool { return len(grant.Lines(p)) == 0 }

// decideGrant gives the candidate what it lacks, all of which was shown, or lets it go on
// without. Either must be asked for by its name, so that an approval that comes twice
// hands out nothing.
func (r *Record) decideGrant(ev approve, now time.Time) error {
	ro := r.Rollout
	switch ev.Point {
	case toGrant:
		all := grant.Union(r.granted(), ro.Asks.Lacks)
		if n := len(grant.Lines(all)); n > maxGrants {
			return &module.Error{Kind: module.Conflict, Msg: fmt.Sprintf("that would make %d permissions that were approved for module %s, more than %d", n, r.Module, maxGrants),
				Hint: fmt.Sprintf("take them back with `segue revoke %[1]s` and grant what it needs in segue.yaml, in modules.%[1]s.grants", r.Module)}
		}
		r.Grants = &Grants{Permissions: all, Actor: ev.Actor, At: now}
	case toWithout:
		if r.Grants != nil && r.Grants.Revoked {
			r.Grants = nil
		}
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

// revoke takes back all that operators have approved for the module, as far as processes
// go that are started from now on. What has started nothing yet is decided on again.
func (r *Record) revoke(ev revoke, now time.Time) error {
	if none(r.granted()) {
		return &module.Error{Kind: module.Conflict, Msg: "no operator has approved a permission for module " + r.Module,
			Hint: "what segue.yaml grants it is taken back there, in modules." + r.Module + ".grants"}
	}
	r.Grants = &Grants{Actor: ev.Actor, At: now, Revoked: true}
	if ro := r.Rollout; ro.Active() {
		ro.Passed = slices.DeleteFunc(ro.Passed, func(name string) bool { return name == atGrant })
		r.findAsks()
	}
	return nil
}

const (
	// mostNamed is how many of the permissions a sentence names, and maxLine how many bytes
	// of each; Waiting.Missing has all of them.
	mostNamed = 5
	maxLine   = 100
)

// asks says what the candidate asks for and has not been granted: first what its
// predecessor did not ask for.
func (r *Rollout) asks() string {
	fresh, known := grant.Lines(r.Asks.Fresh), grant.Lines(grant.Missing(r.Asks.Lacks, r.Asks.Fresh))
	text := "asks for " + someOf(fresh)
	switch {
	case r.Asks.Again:
		text += ", of which nothing is granted since the approvals were revoked"
	case !r.From.IsZero():
		text = fmt.Sprintf("asks for more than %s: %s", r.From.Version, someOf(fresh))
	}
	if len(known) > 0 {
		text += fmt.Sprintf("; and as %s for what was not granted either: %s", r.From.Version, someOf(known))
	}
	return text
}

// someOf names the first few lines, and says how many more there are.
func someOf(lines []string) string {
	end := ""
	if more := len(lines) - mostNamed; more > 0 {
		lines, end = lines[:mostNamed], fmt.Sprintf(" and %d more", more)
	}
	var short []string
	for _, line := range lines {
		short = append(short, module.Clip(line, maxLine))
	}
	return strings.Join(short, ", ") + end
}

// ways are the two that lead on.
func (r *Rollout) ways() string {
	return fmt.Sprintf("`segue approve %[1]s %[2]s` grants all that it asks for, `segue approve %[1]s %[3]s` lets it go on with what is granted", r.Candidate.Module, toGrant, toWithout)
}

// words for the audit of what changes the module's permissions; none for any other event.
func (r *Record) grantWords(ev any, now time.Time) []string {
	switch ev := ev.(type) {
	case approve:
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
