package grant_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestAQuotaIsAskedForElseSetElseTheDefault(t *testing.T) {
	type q = manifest.Quotas
	for name, c := range map[string]struct{ asked, own, general, want q }{
		"nothing anywhere":               {want: grant.Default()},
		"asked for":                      {asked: q{Memory: 512 << 20, CPU: 500}, want: q{Memory: 512 << 20, CPU: 500}},
		"set for it":                     {own: q{Memory: 4 << 30, CPU: 2000}, want: q{Memory: 4 << 30, CPU: 2000}},
		"asked for below its own":        {asked: q{Memory: 1 << 30}, own: q{Memory: 4 << 30}, want: q{Memory: 1 << 30}},
		"asked for as much as its own":   {asked: q{Memory: 4 << 30}, own: q{Memory: 4 << 30}, general: q{Memory: 4 << 30}, want: q{Memory: 4 << 30}},
		"a ceiling below the default":    {general: q{Memory: 64 << 20}, want: q{Memory: 64 << 20}},
		"a ceiling above the default":    {general: q{Memory: 64 << 30}, want: q{}},
		"a ceiling where no default is":  {general: q{CPU: 2000, CPUTime: 9e9}, want: q{CPU: 2000, CPUTime: 9e9}},
		"its own below that of all":      {own: q{Processes: 100}, general: q{Processes: 200}, want: q{Processes: 100}},
		"its own above that of all":      {own: q{Processes: 300}, general: q{Processes: 200}, want: q{Processes: 200}},
		"asked for where nothing is set": {asked: q{CPU: 64_000, CPUTime: 5e9, LogLines: 1000}, want: q{CPU: 64_000, CPUTime: 5e9}},
		"above the default, by its own":  {asked: q{Memory: 3 << 30}, own: q{Memory: 4 << 30}, want: q{Memory: 3 << 30}},
		"above the default, by all's":    {asked: q{Memory: 3 << 30}, general: q{Memory: 4 << 30}, want: q{Memory: 3 << 30}},
	} {
		t.Run(name, func(t *testing.T) {
			want := grant.Default()
			for _, field := range manifest.QuotaFields() {
				if c.want.Amount(field) != 0 {
					want.SetAmount(field, c.want.Amount(field))
				}
			}
			if got, err := grant.Quotas(c.asked, c.own, c.general); err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		})
	}
}

func TestAQuotaAboveItsCeilingIsRefusedWithTheCeiling(t *testing.T) {
	type q = manifest.Quotas
	for name, c := range map[string]struct {
		asked, own, general q
		want                []string
	}{
		"that of all": {q{Memory: 2 << 30}, q{}, q{Memory: 1 << 30},
			[]string{`quotas.memory "2GiB": is above the operator's ceiling of 1GiB; ask for at most 1GiB, or raise quotas.memory in segue.yaml`}},
		"its own": {q{CPU: 2500}, q{CPU: 2000}, q{CPU: 4000},
			[]string{`quotas.cpu "2.5": is above the operator's ceiling of 2; ask for at most 2, or raise modules.NAME.quotas.cpu in segue.yaml`}},
		"its own above that of all": {q{Requests: 150}, q{Requests: 200}, q{Requests: 100},
			[]string{`quotas.requests "150": is above the operator's ceiling of 100; ask for at most 100, or raise quotas.requests in segue.yaml`}},
		"the default where none is set": {q{Memory: 2 << 30}, q{CPU: 1000}, q{OpenFiles: 64},
			[]string{`quotas.memory "2GiB": is above the default of 1GiB, which holds where the operator sets none; ask for at most 1GiB, or set modules.NAME.quotas.memory in segue.yaml`}},
		"two at once": {q{CPUTime: 2e9, OpenFiles: 65}, q{OpenFiles: 64}, q{CPUTime: 1e9},
			[]string{`quotas.cpu_time "2s": is above`, `quotas.open_files "65": is above`}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := grant.Quotas(c.asked, c.own, c.general)
			problems := manifest.Problems(err)
			if len(problems) != len(c.want) {
				t.Fatalf("got %+v, %v", got, err)
			}
			// What comes with it is under every ceiling.
			if _, err := grant.Quotas(got, c.own, c.general); err != nil {
				t.Errorf("got %+v, which is not lowered: %v", got, err)
			}
			for i, want := range c.want {
				if !strings.HasPrefix(problems[i].Error(), want) {
					t.Errorf("got  %v\nwant %s", problems[i], want)
				}
			}
		})
	}
}

func TestTheDefaultsAreQuotasThatAManifestCouldAskFor(t *testing.T) {
	if err := grant.Default().Validate(); err != nil {
		t.Error(err)
	}
}

func TestNoQuotaIsEverAboveACeiling(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	draw := func() (q manifest.Quotas) {
		for _, field := range manifest.QuotaFields() {
			if rng.IntN(3) == 0 {
				q.SetAmount(field, 1+rng.Uint64N(1<<12))
			}
		}
		return q
	}
	given, defaults := 0, grant.Default()
	for range rounds {
		asked, own, general := draw(), draw(), draw()
		got, err := grant.Quotas(asked, own, general)
		if err == nil {
			given++
		}
		for _, field := range manifest.QuotaFields() {
			ceilings := []uint64{own.Amount(field), general.Amount(field)}
			if ceilings[0] == 0 && ceilings[1] == 0 {
				ceilings[0] = defaults.Amount(field)
			}
			for _, ceiling := range ceilings {
				if ceiling != 0 && (got.Amount(field) > ceiling || err == nil && got.Amount(field) == 0) {
					t.Fatalf("%s is %d with a ceiling of %d", field, got.Amount(field), ceiling)
				}
			}
			if err == nil && asked.Amount(field) != 0 && got.Amount(field) != asked.Amount(field) {
				t.Fatalf("%s is %d and %d was asked for", field, got.Amount(field), asked.Amount(field))
			}
		}
	}
	if given < rounds/10 || given == rounds {
		t.Errorf("%d of %d were given", given, rounds)
	}
}
