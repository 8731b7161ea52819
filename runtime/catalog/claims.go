package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/segue-run/segue/proxy/route"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Claims are the routes of the releases that serve, may be gone back to, or are on
// their way. The zero value is not usable; see New.
type Claims struct {
	previewHost func(module string) string

	mu sync.Mutex
	// holders maps a route to the module that has it and for which releases.
	holders map[manifest.Route]*holder
}

type holder struct {
	module  string
	entry   route.Entry // clean
	digests []module.Digest
}

// Config says what else claims depend on.
type Config struct {
	// PreviewHost is the host name under which a module's candidates are seen, empty for
	// none; it gives the same for the same name always. nil: no module has one.
	PreviewHost func(module string) string
}

// New makes an empty set of claims.
func New(cfg Config) *Claims {
	if cfg.PreviewHost == nil {
		cfg.PreviewHost = func(string) string { return "" }
	}
	return &Claims{previewHost: cfg.PreviewHost, holders: map[manifest.Route]*holder{}}
}

// Claim reserves all routes of a release for its module, or none: where another module
// has one that could take the same request as one of them, and neither goes before the
// other (route.Conflict), the error (of kind Conflict) names it and the route. A preview
// host is for previews alone: no route may name it, and modules that share it must not
// have routes there that conflict.
func (c *Claims) Claim(rel module.Release, routes []manifest.Route) error {
	entries := make([]route.Entry, len(routes))
	for i, r := range routes {
		var err error
		if entries[i], err = route.Clean(EntryOf(rel.Module, r)); err != nil {
			return &module.Error{Kind: module.Invalid, Field: fmt.Sprintf("routes[%d]", i), Value: r.String(), Msg: "no request can take this route", Err: err,
				Hint: "choose another"}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refusedLocked(rel.Module, routes, entries); err != nil {
		return err
	}
	for i, r := range routes {
		h := c.holders[r]
		if h == nil {
			h = &holder{module: rel.Module, entry: entries[i]}
			c.holders[r] = h
		}
		if !slices.Contains(h.digests, rel.Digest) {
			h.digests = append(h.digests, rel.Digest)
		}
	}
	return nil
}

// refusedLocked says what stands against a module's routes; nil if nothing does.
func (c *Claims) refusedLocked(name string, routes []manifest.Route, entries []route.Entry) error {
	preview := c.previewHost(name)
	held := slices.SortedFunc(maps.Values(c.holders), func(a, b *holder) int {
		if by := cmp.Or(cmp.Compare(a.module, b.module), cmp.Compare(a.entry.Host, b.entry.Host), cmp.Compare(a.entry.Path, b.entry.Path)); by != 0 {
			return by
		}
		return cmp.Compare(a.entry.String(), b.entry.String())
	})
	for i, r := range routes {
		for _, h := range held {
			if h.module != name && route.Conflict(entries[i], h.entry) {
				return taken(i, r, h)
			}
		}
		if preview != "" && r.Host == preview {
			return notForPreviews(preview, name)
		}
	}
	for _, h := range held {
		other := c.previewHost(h.module)
		if preview != "" && h.entry.Host == preview {
			return notForPreviews(preview, h.module)
		}
		for i, r := range routes {
			switch {
			case other != "" && r.Host == other:
				return &module.Error{Kind: module.Conflict, Field: fmt.Sprintf("routes[%d].host", i), Value: r.Host,
					Msg: fmt.Sprintf("the candidates of module %s are seen there", h.module), Hint: "choose another host, or another rollout.preview_host in segue.yaml"}
			case preview != "" && other == preview && h.module != name && route.Conflict(seenAt(preview, entries[i]), seenAt(preview, h.entry)):
				return &module.Error{Kind: module.Conflict, Field: "rollout.preview_host", Value: preview,
					Msg:  fmt.Sprintf("the candidates of module %s are seen there as well, and under the same path %s", h.module, r.Path),
					Hint: fmt.Sprintf("set another for one of the two in segue.yaml: modules.%s.rollout.preview_host", name)}
			}
		}
	}
	return nil
}

// seenAt is the entry of previews at that host.
func seenAt(preview string, e route.Entry) route.Entry {
	e.Host = preview
	return e
}

// taken says who has a route that conflicts with the module's.
func taken(i int, r manifest.Route, by *holder) error {
	e := &module.Error{Kind: module.Conflict, Field: fmt.Sprintf("routes[%d].path", i), Value: r.String(), Msg: fmt.Sprintf("module %s has this route already", by.module),
		Hint: fmt.Sprintf("choose another path or host, or take %s away: segue rm %s", by.module, by.module)}
	if other := by.entry.String(); other != r.String() {
		e.Field, e.Msg = fmt.Sprintf("routes[%d]", i), fmt.Sprintf("module %s has the route %s, and a request can be for both", by.module, other)
		e.Hint = fmt.Sprintf("tell them apart by host, path, methods, or another value of one header; or take %s away: segue rm %s", by.module, by.module)
	}
	return e
}

func notForPreviews(host, owner string) error {
	return &module.Error{Kind: module.Conflict, Field: "rollout.preview_host", Value: host,
		Msg: fmt.Sprintf("module %s serves there, and previews would take its traffic", owner), Hint: "set another one in segue.yaml, which no route names"}
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
