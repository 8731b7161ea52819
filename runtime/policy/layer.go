package policy

import (
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// CheckLayer refuses what one and the same place says against itself, but which is no
// contradiction where two places say it, of which the more special one counts: a mirror
// for a strategy that has no use for one. It gives an Invalid module.Error.
func (p Policy) CheckLayer() error {
	if p.Strategy == "" || p.Strategy == manifest.Bluegreen || p.Mirror.Share == nil || *p.Mirror.Share == 0 {
		return nil
	}
	return &module.Error{Kind: module.Invalid, Field: "mirror.share", Value: p.Mirror.Share.String(),
		Msg:  "is for the strategy bluegreen alone; " + string(p.Strategy) + " mirrors nothing",
		Hint: "write strategy: bluegreen, or leave the mirror out"}
}
