package config

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Grants are the permissions that are granted to the module of that name.
func (c Config) Grants(name string) manifest.Permissions { return c.Module(name).Grants }

// CheckGrants refuses permissions that must not be granted to any module, whoever grants
// them: what cannot be a permission; files of the runtime's own, with which a module
// could do anything in its name; and writing where it looks for modules. Its error is an
// Invalid module.Error that names the field, "read" for one, and the value. It compares
// paths as texts: links are not followed.
func (c Config) CheckGrants(p manifest.Permissions) error {
	if problems := manifest.Problems(p.Validate()); len(problems) > 0 {
		e := problems[0]
		return &module.Error{Kind: module.Invalid, Field: e.Field, Value: e.Value, Msg: e.Msg, Hint: e.Hint}
	}
	for _, kept := range []struct {
		setting, dir, what string
		kinds              []string
	}{
		{"state_dir", c.StateDir, "holds decisions and secrets of the runtime", []string{"read", "write", "exec"}},
		{"modules_dir", c.ModulesDir, "decides what runs", []string{"write"}},
	} {
		dir, err := filepath.Abs(kept.dir)
		if err != nil {
			return fmt.Errorf("find %s: %w", kept.setting, err)
		}
		for _, kind := range kept.kinds {
			for _, file := range *p.Of(kind) {
				if inside(file, dir) || inside(dir, file) {
					return &module.Error{Kind: module.Invalid, Field: kind, Value: file, Msg: "reaches into " + kept.setting + " (" + dir + "), which " + kept.what,
						Hint: "grant folders beside it; a module's own folder needs no grant"}
				}
			}
		}
	}
	return nil
}

// inside reports whether file is folder or lies in it.
func inside(file, folder string) bool {
	return file == folder || strings.HasPrefix(file, strings.TrimSuffix(folder, "/")+"/")
}

// checkGrants checks what the file grants; single entries were checked when they were
// set.
func (c Config) checkGrants(at places) error {
	for _, name := range slices.Sorted(maps.Keys(c.Modules)) {
		err := c.CheckGrants(c.Modules[name].Grants)
		if e, ok := errors.AsType[*module.Error](err); ok {
			field := "modules." + name + ".grants." + e.Field
			return located(e, field, e.Value, at(field))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func setGrants(to *manifest.Permissions, kind string, values []string) error {
	var p manifest.Permissions
	*p.Of(kind) = values
	if problems := manifest.Problems(p.Validate()); len(problems) > 0 {
		return ofManifest(problems[0])
	}
	*to.Of(kind) = values
	return nil
}
