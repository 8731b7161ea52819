package catalog

import (
	"fmt"
	"slices"
	"sync"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Claims are the routes of the releases that serve, may be gone back to, or are on
// their way. The zero value is not usable; see New.
type Claims struct {
	mu sync.Mutex
	// holders maps a route to the module that has it and for which releases.
	holders map[manifest.Route]*holder
}

type holder struct {
	module  string
	digests []module.Digest
}

// New makes an empty set of claims.
func New() *Claims { return &Claims{holders: map[manifest.Route]*holder{}} }

// Claim reserves all routes of a release for its module, or none: when another
// module has one of them, the error (of kind Conflict) names it and the route. The
// longest match wins between different paths, so only equal routes conflict.
func (c *Claims) Claim(rel module.Release, routes []manifest.Route) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, r := range routes {
		if h := c.holders[r]; h != nil && h.module != rel.Module {
			return &module.Error{Kind: module.Conflict, Field: fmt.Sprintf("routes[%d].path", i), Value: r.Host + r.Path,
				Msg:  fmt.Sprintf("module %s has this route already", h.module),
				Hint: fmt.Sprintf("choose another path or host, or take %s away: segue rm %s", h.module, h.module)}
		}
	}
	for _, r := range routes {
		h := c.holders[r]
		if h == nil {
			h = &holder{module: rel.Module}
			c.holders[r] = h
		}
		if !slices.Contains(h.digests, rel.Digest) {
			h.digests = append(h.digests, rel.Digest)
		}
	}
	return nil
}

// Keep gives up what the module has claimed for releases other than these.
func (c *Claims) Keep(name string, digests ...module.Digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for route, h := range c.holders {
		if h.module != name {
			continue
		}
		h.digests = slices.DeleteFunc(h.digests, func(d module.Digest) bool { return !slices.Contains(digests, d) })
		if len(h.digests) == 0 {
			delete(c.holders, route)
		}
	}
}
