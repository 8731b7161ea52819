package policy

import "github.com/segue-run/segue/sdk/manifest"

// strictness of what happens where nothing is proven.
var strictness = map[manifest.Unproven]int{manifest.Proceed: 1, manifest.Wait: 2, manifest.GiveUp: 3}

// ByAuthor is what counts of an author's wish. How a release comes in is the author's to
// suggest; how it is judged the author may only make stricter than the default, since a
// candidate would else write its own verdict. An operator may set either way.
func ByAuthor(wish manifest.Rollout) manifest.Rollout {
	base := Default()
	for _, share := range []struct{ wish, base **manifest.Weight }{
		{&wish.MaxErrors, &base.MaxErrors}, {&wish.MaxSlow, &base.MaxSlow},
	} {
		if *share.wish != nil && **share.wish > **share.base {
			*share.wish = nil
		}
	}
	if wish.Limit != nil && *wish.Limit < *base.Limit {
		wish.Limit = nil
	}
	if wish.MinRequests < base.MinRequests {
		wish.MinRequests = 0
	}
	if strictness[wish.Unproven] < strictness[base.Unproven] {
		wish.Unproven = ""
	}
	return wish
}
