package grant

import (
	"cmp"
	"errors"

	"github.com/segue-run/segue/sdk/manifest"
)

// Default is what a module gets where the operator set nothing, and the most that it may
// ask for there: enough for any service that does its work and answers, and little enough
// that one module alone does not take down the machine.
//
// There is no default, and so no ceiling that the operator did not set, for CPU, since a machine that has time to spare may spend it, and
// the kernel shares it fairly where it has not; and none for CPUTime, which counts over
// a whole life and would end a healthy server.
func Default() manifest.Quotas {
	return manifest.Quotas{
		Memory:    1 << 30,
		OpenFiles: 4096, // a few thousand connections
		Processes: 512,  // a Go program has some threads for each processor, and one for each blocked call
		FileSize:  1 << 30,
		Storage:   1 << 30,
		LogLines:  1000,
		Requests:  10_000, // far above what a healthy module has at once, far below what the proxy holds
	}
}

// Quotas are a module's complete quotas: what it asks for, else its own ceiling, else the
// default, none above what the general ceiling leaves. Where the operator set neither
// ceiling the default is one. What has neither default nor ceiling and is not asked for
// stays unset. An error is made of manifest.Errors, each
// of which names the field that asks for more than its ceiling; the quotas that come with
// it have that lowered to the ceiling.
func Quotas(asked, own, general manifest.Quotas) (manifest.Quotas, error) {
	var whole manifest.Quotas
	var wrong []error
	defaults := Default()
	for _, field := range manifest.QuotaFields() {
		set := least(own.Amount(field), general.Amount(field))
		ceiling := cmp.Or(set, defaults.Amount(field))
		switch {
		case ceiling == 0 || asked.Amount(field) <= ceiling:
		case set == 0:
			wrong = append(wrong, aboveDefault(field, asked, defaults))
		default:
			wrong = append(wrong, above(field, asked, ceiling, ceiling == own.Amount(field)))
		}
		unasked := least(cmp.Or(own.Amount(field), defaults.Amount(field)), ceiling)
		whole.SetAmount(field, least(cmp.Or(asked.Amount(field), unasked), ceiling))
	}
	return whole, errors.Join(wrong...)
}

// above says that field asks for more than its ceiling, which is the module's own or the
// one of all.
func above(field string, asked manifest.Quotas, ceiling uint64, own bool) error {
	var most manifest.Quotas
	most.SetAmount(field, ceiling)
	text, where := most.Text(field), "quotas."+field
	if own {
		where = "modules.NAME.quotas." + field
	}
	return &manifest.Error{
		Field: "quotas." + field, Value: asked.Text(field), Msg: "is above the operator's ceiling of " + text,
		Hint: "ask for at most " + text + ", or raise " + where + " in segue.yaml",
	}
}

// aboveDefault says that field asks for more than the default, where the operator set no
// ceiling.
func aboveDefault(field string, asked, defaults manifest.Quotas) error {
	most := defaults.Text(field)
	return &manifest.Error{
		Field: "quotas." + field, Value: asked.Text(field), Msg: "is above the default of " + most + ", which holds where the operator sets none",
		Hint: "ask for at most " + most + ", or set modules.NAME.quotas." + field + " in segue.yaml",
	}
}

// least is the lower of two amounts of which 0 is none.
func least(a, b uint64) uint64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}
