package grant

import (
	"slices"

	"github.com/segue-run/segue/sdk/manifest"
)

// Common is what was asked for and granted: of two entries what both hold, so the
// narrower where one holds the other. What needs no grant is always in it. An entry to
// read is held by one to write; of what was asked to be written and is granted to be
// read, reading is left.
func Common(asked, granted manifest.Permissions) manifest.Permissions {
	var both manifest.Permissions
	for _, kind := range manifest.PermissionKinds {
		for _, entry := range *asked.Of(kind) {
			if held(kind, entry, granted) {
				add(&both, kind, entry)
				continue
			}
			for _, other := range manifest.PermissionKinds {
				for _, allowed := range *granted.Of(other) {
					if in, narrower, ok := meet(kind, entry, other, allowed); ok {
						add(&both, in, narrower)
					}
				}
			}
		}
	}
	return both
}

// Missing is what was asked for and is not wholly granted by one entry; what needs no
// grant never is.
func Missing(asked, granted manifest.Permissions) manifest.Permissions {
	var missing manifest.Permissions
	for _, kind := range manifest.PermissionKinds {
		for _, entry := range *asked.Of(kind) {
			if !held(kind, entry, granted) {
				add(&missing, kind, entry)
			}
		}
	}
	return missing
}

// Union is both, each entry once.
func Union(a, b manifest.Permissions) manifest.Permissions {
	var all manifest.Permissions
	for _, kind := range manifest.PermissionKinds {
		for _, entry := range slices.Concat(*a.Of(kind), *b.Of(kind)) {
			add(&all, kind, entry)
		}
	}
	return all
}

// Lines are the entries for people, each behind its kind, "connect api.example.com:443",
// first what may be run and written, then the other kinds in their order, each in that of
// the alphabet: equal permissions are equal lines.
func Lines(p manifest.Permissions) []string {
	var lines []string
	kinds := append([]string{"exec", "write"}, slices.DeleteFunc(slices.Clone(manifest.PermissionKinds), func(kind string) bool { return kind == "exec" || kind == "write" })...)
	for _, kind := range kinds {
		for _, entry := range slices.Sorted(slices.Values(*p.Of(kind))) {
			lines = append(lines, kind+" "+entry)
		}
	}
	return lines
}

// add puts an entry into p that is not there yet.
func add(p *manifest.Permissions, kind, entry string) {
	if list := p.Of(kind); !slices.Contains(*list, entry) {
		*list = append(*list, entry)
	}
}

// held reports whether an entry needs no grant, or one of granted holds all of it.
func held(kind, entry string, granted manifest.Permissions) bool {
	if free(kind, entry) {
		return true
	}
	for _, other := range manifest.PermissionKinds {
		for _, allowed := range *granted.Of(other) {
			if in, narrower, ok := meet(kind, entry, other, allowed); ok && in == kind && narrower == entry {
				return true
			}
		}
	}
	return false
}
