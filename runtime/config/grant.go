package config

import "github.com/segue-run/segue/sdk/manifest"

// Grants are the permissions that are granted to the module of that name.
func (c Config) Grants(name string) manifest.Permissions { return c.Module(name).Grants }

// Protected are the folders that no module may have: what it finds there lets it do
// anything in the runtime's name, or decide what runs.
func (c Config) Protected() []string { return []string{c.StateDir, c.ModulesDir} }

func setGrants(to *manifest.Permissions, kind string, values []string) error {
	var p manifest.Permissions
	*p.Of(kind) = values
	if problems := manifest.Problems(p.Validate()); len(problems) > 0 {
		return ofManifest(problems[0])
	}
	*to.Of(kind) = values
	return nil
}
