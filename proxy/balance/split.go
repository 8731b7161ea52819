package balance

import (
	"cmp"
	"crypto/subtle"
	"fmt"
	"slices"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/sticky"
)

// PreviewHeader is where a request bears the token with which it asks for the preview.
const PreviewHeader = "Segue-Preview"

// Share is a release's part in its group.
type Share struct {
	Release *Release
	// Weight is in basis points; a release of weight 0 gets nothing by its own right.
	Weight int
	// Stable marks what serves now: it inherits the requests of releases of which no
	// target is up, and while none of its own is requests wait.
	Stable bool
}

// Split says how a group's requests are dealt, and what happens to them on the way.
// It is not changed once it was applied.
type Split struct {
	// Shares have weights that sum to Full at most. What they leave over goes to stable,
	// and waits where none is up.
	Shares []Share
	// Rollout is the id of the rollout under way; empty where there is none. Only while
	// there is one are users kept on their side, and requests without an answer known by
	// their age (Release.Overdue).
	Rollout string
	// Partial says that a side of the rollout is not among the shares though it was
	// promised one: what the others get meanwhile is no evidence, for what ails them may be
	// what the missing one has died of.
	Partial bool
	// Users, if not nil, keeps each user on one side of the rollout. Requests of users who
	// cannot be told apart are dealt by chance.
	Users *sticky.Users
	// Cap is how many requests without an answer a release whose share is not stable's may
	// have; 0 for any number. What is above it goes to stable.
	Cap int
	// Shield, if not nil, has stable answer what other shares fail.
	Shield *Shield
	// Retry, if not nil, has siblings answer what a target of their release fails.
	Retry *Retry
	// Preview says who sees the candidate without chance.
	Preview Preview
	// Tap, if not nil, may give a tap for a request that is answered by a stable share. It
	// is called on the request's goroutine, and must not block.
	Tap func(*proxy.Request) proxy.Tap
}

// Preview shows a release to those who ask for it: their requests go there and nowhere
// else, are no evidence, and no other release makes good what it fails.
type Preview struct {
	// Release is nil where there is nothing to see: then requests to Host are refused, and
	// a token is nothing.
	Release *Release
	// Token, in the header Segue-Preview, asks for it. An empty one never does.
	Token string
	// Host, as proxy.CleanHost gives it, asks for it as well; empty for none. That the
	// host leads to the module is for the route table to say.
	Host string
}

// asked reports whether r wants to see the preview.
func (p *Preview) asked(r *proxy.Request) bool {
	if p.Host != "" && r.Host == p.Host {
		return true
	}
	if p.Token == "" || p.Release == nil {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(r.Header.Get(PreviewHeader)), []byte(p.Token)) == 1
}

// shares is a split in force: immutable, but for the slots.
type shares struct {
	Split
	group   *Group
	slots   *Slots  // nil where there are no shares
	retry   *Shield // Retry with its defaults
	preview bool    // somebody may ask for it
	sticky  bool    // users are told apart
	trial   bool    // more is to be known of each request
}

// newShares checks split; it goes on with last's exact sequence where the weights are
// the same, in the same order.
func newShares(g *Group, split Split, last *shares) (*shares, error) {
	split.Shares = slices.Clone(split.Shares)
	left, err := check(g.cfg.Module, split)
	if err != nil {
		return nil, err
	}
	if split.Shield != nil {
		if split.Shield, err = split.Shield.clean("shield", g.cfg.Module); err != nil {
			return nil, err
		}
	}
	var retry *Shield
	if split.Retry != nil {
		if retry, err = Shield(*split.Retry).clean("retry", g.cfg.Module); err != nil {
			return nil, err
		}
	}
	s := &shares{Split: split, group: g, retry: retry,
		preview: split.Preview.Host != "" || split.Preview.Token != "" && split.Preview.Release != nil,
		sticky:  split.Users != nil && split.Rollout != "", trial: split.Rollout != "" || split.Cap > 0}
	if slices.EqualFunc(split.Shares, last.Shares, func(a, b Share) bool { return a.Weight == b.Weight }) {
		s.slots = last.slots
	} else if len(split.Shares) > 0 {
		weights := make([]int, 0, len(split.Shares)+1)
		for _, share := range split.Shares {
			weights = append(weights, share.Weight)
		}
		s.slots = NewSlots(append(weights, left)...)
	}
	return s, nil
}

// releases are all that may get a request.
func (s *shares) releases() []*Release {
	var all []*Release
	for _, share := range s.Shares {
		all = append(all, share.Release)
	}
	if r := s.Preview.Release; r != nil && !slices.Contains(all, r) {
		all = append(all, r)
	}
	return all
}

// stable reports whether r has a share that is.
func (s *shares) stable(r *Release) bool {
	return slices.ContainsFunc(s.Shares, func(o Share) bool { return o.Stable && o.Release == r })
}

// check says how much the shares leave over.
func check(module string, split Split) (left int, err error) {
	left = Full
	for i, s := range split.Shares {
		if s.Release == nil {
			return 0, fmt.Errorf("share %d of module %s: no release", i, module)
		}
		labels := s.Release.Labels()
		if labels.Module != module {
			return 0, fmt.Errorf("share %d of module %s: release is of module %s", i, module, labels.Module)
		}
		if s.Weight < 0 {
			return 0, fmt.Errorf("share %d of module %s: weight %d is negative", i, module, s.Weight)
		}
		if slices.ContainsFunc(split.Shares[:i], func(o Share) bool { return o.Release == s.Release }) {
			return 0, fmt.Errorf("share %d of module %s: release %s has a share already", i, module, labels.Release())
		}
		left -= s.Weight
	}
	if left < 0 {
		return 0, fmt.Errorf("shares of module %s: weights sum to %d, more than %d", module, Full-left, Full)
	}
	if split.Cap < 0 {
		return 0, fmt.Errorf("shares of module %s: a cap of %d is negative", module, split.Cap)
	}
	if p := split.Preview.Release; p != nil && p.Labels().Module != module {
		return 0, fmt.Errorf("preview of module %s: release is of module %s", module, p.Labels().Module)
	}
	return left, nil
}

// draw says whose turn it is; an index past the shares is nobody's.
func (s *shares) draw(r *proxy.Request) (index int, user sticky.Place) {
	if s.sticky {
		if user, known := s.Users.Of(r, s.Rollout, time.Now()); known {
			return s.at(user.Point()), user
		}
	}
	return s.slots.Next(), user
}

// at is the share that lies over point, from 0 to 9999. Those that are not stable come
// first, so that what rises there takes from stable alone.
func (s *shares) at(point int) int {
	for _, stable := range [...]bool{false, true} {
		for i, share := range s.Shares {
			if share.Stable != stable {
				continue
			}
			if point -= share.Weight; point < 0 {
				return i
			}
		}
	}
	return len(s.Shares)
}

// most is how many requests without an answer a share may have; 0 for any number.
func (s *shares) most(stable bool) int {
	if stable {
		return 0
	}
	return s.Cap
}

// open reports whether every share that was promised is there and could take a request
// of its own. Where one cannot, what the others get is not chance any more.
func (s *shares) open() bool {
	if s.Partial {
		return false
	}
	for i := range s.Shares {
		if share := &s.Shares[i]; share.Weight > 0 && !share.Release.open(s.most(share.Stable)) {
			return false
		}
	}
	return true
}

// pick draws, at most once for a request: one that drew and has to wait goes to
// stable without another draw, which would give the candidate more than its share. One
// that has reached nobody goes to another target of its release, and then to stable.
// Where l has no target, full is a stable one that is up and has as many requests as it
// may, nil where none is up.
func (s *shares) pick(r *proxy.Request, drawn *bool) (l *Lease, full *Target) {
	l = &Lease{request: r, shares: s}
	if s.trial {
		l.trial = new(trial)
	}
	share, dealt := s.of(r.Failed), false
	if r.Failed == nil && !*drawn && s.slots != nil {
		*drawn = true
		index, user := s.draw(r)
		if s.trial {
			l.trial.user = user
		}
		if dealt = index < len(s.Shares); dealt {
			share = &s.Shares[index]
		}
	}
	if share == nil {
		return l, s.toStable(l, nil)
	}
	l.dealt, l.stable = dealt && (!s.trial || s.open()), share.Stable
	if full = share.Release.admit(l, s.most(share.Stable)); l.target != nil {
		return l, nil
	}
	l.dealt = false
	if dealt && !share.Stable {
		s.group.spilled.Add(1)
		if full != nil {
			full.refuse()
		}
	}
	if full == nil || !share.Stable {
		return l, s.toStable(l, nil)
	}
	other := s.toStable(l, share.Release) // the one that was asked need not be again
	if l.target != nil {
		full.refuse()
	}
	return l, cmp.Or(full, other)
}

// of is the share of the release that has failed a request; nil where there is none.
func (s *shares) of(failed proxy.Target) *Share {
	t, ours := failed.(*Target)
	if !ours {
		return nil
	}
	if i := slices.IndexFunc(s.Shares, func(o Share) bool { return o.Release == t.release }); i >= 0 {
		return &s.Shares[i]
	}
	return nil
}

// toStable puts l in flight on a stable release other than not, if one is up and has room.
// Where l has no target then, full is one that had no room.
func (s *shares) toStable(l *Lease, not *Release) (full *Target) {
	l.stable = true
	for i := range s.Shares {
		share := &s.Shares[i]
		if !share.Stable || share.Release == not {
			continue
		}
		other := share.Release.admit(l, 0)
		if l.target != nil {
			return nil
		}
		full = cmp.Or(full, other)
	}
	return full
}
