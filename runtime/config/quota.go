package config

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// QuotasFor are the complete quotas of the module of that name, which asks for some. An
// error is made of Invalid module.Errors, each of which names a field of the manifest
// that asks for more than its ceiling; then that is lowered to it.
func (c Config) QuotasFor(name string, asked manifest.Quotas) (manifest.Quotas, error) {
	whole, err := grant.Quotas(asked, c.Module(name).Quotas, c.Quotas)
	var wrong []error
	for _, e := range manifest.Problems(err) {
		hint := strings.ReplaceAll(e.Hint, "modules.NAME.", "modules."+name+".")
		wrong = append(wrong, &module.Error{Kind: module.Invalid, Field: e.Field, Value: e.Value, Msg: e.Msg, Hint: hint})
	}
	return whole, errors.Join(wrong...)
}

func quotaSettings() []setting {
	var all []setting
	for _, field := range manifest.QuotaFields() {
		all = append(all, scalar("quotas."+field, "", func(c *Config, text string) error { return setQuota(&c.Quotas, field, text) }))
	}
	return all
}

func setQuota(to *manifest.Quotas, field, text string) error { return ofManifest(to.Set(field, text)) }

// checkQuotas holds the modules' own ceilings against those of all.
func (c *Config) checkQuotas(at places) error {
	for _, name := range slices.Sorted(maps.Keys(c.Modules)) {
		own := c.Modules[name].Quotas
		for _, field := range manifest.QuotaFields() {
			if c.Quotas.Amount(field) == 0 || own.Amount(field) <= c.Quotas.Amount(field) {
				continue
			}
			most := c.Quotas.Text(field)
			full := "modules." + name + ".quotas." + field
			return located(wrong("is above quotas."+field+", which is "+most, "write at most "+most+", or raise quotas."+field), full, own.Text(field), at(full))
		}
	}
	return nil
}

// ofManifest is an error of manifest's as one of ours.
func ofManifest(err error) error {
	e, ok := errors.AsType[*manifest.Error](err)
	if !ok {
		return err
	}
	return &module.Error{Kind: module.Invalid, Value: e.Value, Msg: e.Msg, Hint: e.Hint}
}
