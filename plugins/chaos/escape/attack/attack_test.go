package attack_test

import (
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryAttackIsListedOnceAndSaysWhatItDoes(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range attack.All {
		if seen[a.Name] {
			t.Errorf("%s is there twice", a.Name)
		}
		seen[a.Name] = true
		if a.Name == "" || a.Tries == "" || strings.ContainsAny(a.Name+a.Tries, "|\n") {
			t.Errorf("%+v cannot be a row of a table", a)
		}
		if found, known := attack.ByName(a.Name); !known || found.Tries != a.Tries {
			t.Errorf("%s is not found by its name", a.Name)
		}
		for _, layer := range slices.Concat(a.By, a.Ordinary) {
			if !slices.Contains(attack.Layers, layer) {
				t.Errorf("%s: %q is no layer", a.Name, layer)
			}
		}
		if a.May(attack.Escaped) {
			t.Errorf("%s may escape where it is held", a.Name)
		}
	}
	if len(seen) < 45 {
		t.Errorf("there are %d attacks", len(seen))
	}
	if _, known := attack.ByName("nothing"); known {
		t.Error("an attack is known that is not listed")
	}
}

func TestAnAttackIsHeldByAnyOfItsLayersAndByMoreWhereTheProcessIsNotRoot(t *testing.T) {
	a := attack.Attack{By: []string{attack.Seccomp, attack.CgroupPIDs}, Ordinary: []string{attack.Rlimits}}
	for _, c := range []struct {
		on       []string
		ordinary bool
		want     bool
	}{
		{nil, true, false},
		{[]string{attack.Landlock}, true, false},
		{[]string{attack.CgroupPIDs}, false, true},
		{[]string{attack.Rlimits}, false, false},
		{[]string{attack.Rlimits}, true, true},
	} {
		if got := a.Held(c.on, c.ordinary); got != c.want {
			t.Errorf("with %v, ordinary %t: %t", c.on, c.ordinary, got)
		}
	}
	if !(attack.Attack{By: []string{attack.Host}}).Held(nil, false) {
		t.Error("the host is always there")
	}
	if (attack.Attack{}).Held(attack.Layers, true) {
		t.Error("what nothing stops is held")
	}
}

func TestAnAttackWithoutEndsMayOnlyBeStopped(t *testing.T) {
	for _, o := range attack.Outcomes {
		if got, want := (attack.Attack{}).May(o), o == attack.Stopped; got != want {
			t.Errorf("%s: %t", o, got)
		}
	}
}
