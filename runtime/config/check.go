package config

import (
	"errors"
	"maps"
	"slices"

	"github.com/segue-run/segue/runtime/module"
)

// checkRollouts holds what is set of rollouts against each other, as each module gets
// it; single values were checked when they were set.
func (c *Config) checkRollouts(at places) error {
	if e, ok := errors.AsType[*module.Error](c.Rollout.Validate()); ok {
		return located(e, "rollout."+e.Field, e.Value, at("rollout."+e.Field))
	}
	if e, ok := errors.AsType[*module.Error](c.Rollout.CheckLayer()); ok {
		return located(e, "rollout."+e.Field, e.Value, at("rollout."+e.Field))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Modules)) {
		if e, ok := errors.AsType[*module.Error](c.Modules[name].Rollout.CheckLayer()); ok {
			field := "modules." + name + ".rollout." + e.Field
			return located(e, field, e.Value, at(field))
		}
		e, ok := errors.AsType[*module.Error](c.operator(name).Validate())
		if !ok {
			continue
		}
		field := "modules." + name + ".rollout." + e.Field
		if at(field) == "" { // it stands for all modules, and what it is at odds with for this one
			field, e.Msg = "rollout."+e.Field, e.Msg+", of modules."+name
		}
		return located(e, field, e.Value, at(field))
	}
	return nil
}
