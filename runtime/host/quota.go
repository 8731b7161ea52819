package host

import (
	"cmp"

	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// raising says what would raise a quota of the module of that name, whose manifest asks
// for such quotas: the operator's ceilings, where they hold it down, and what it asks for.
func raising(cfg config.Config, name, quota string, asked manifest.Quotas) string {
	whole, _ := cfg.QuotasFor(name, asked)
	now := whole.Amount(quota)
	own, general := cfg.Module(name).Quotas.Amount(quota), cfg.Quotas.Amount(quota)
	// Where there are both, the module's own is none above the general one.
	ceiling := cmp.Or(own, general)
	more, most := "ask for more in the manifest", ""
	if ceiling > now {
		var upTo manifest.Quotas
		upTo.SetAmount(quota, ceiling)
		most = ", up to " + upTo.Text(quota)
	}
	held := ceiling == now
	if asked.Amount(quota) == now && !held {
		return more + most
	}
	setting := "modules." + name + ".quotas." + quota
	if general == now {
		if own == now {
			setting = "quotas." + quota + " and " + setting
		} else {
			setting = "quotas." + quota
		}
	}
	hint := "raise " + setting + " in segue.yaml (now " + whole.Text(quota) + ") and restart the runtime"
	switch {
	case asked.Amount(quota) == now:
		return hint + ", and " + more
	case held:
		return hint
	}
	return hint + ", or " + more + most
}

// told are the words of a denial to a process with such quotas: what happened, and what
// would allow it, else which layer denies it.
func told(rel module.Release, quotas manifest.Quotas, d module.Denial) (message, reason string) {
	message, reason = rel.String()+" may not "+d.What, d.Hint
	if d.By == module.ByQuota {
		message = rel.String() + " has reached its quota of " + d.What
		if most := quotas.Text(d.What); most != "" {
			message += " (" + most + ")"
		}
	}
	if reason == "" {
		layer := map[string]string{"gateway": "the runtime", "seccomp": "the filter of system calls", "landlock": "Landlock"}[d.By]
		reason = cmp.Or(layer, d.By) + " denies it, and no permission is for it"
	}
	return message, reason
}
