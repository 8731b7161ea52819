package main

import (
	"testing"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
)

func TestEveryListedAttackCanBeTriedAndEveryTryIsListed(t *testing.T) {
	for _, a := range attack.All {
		if there := tries[a.Name] != nil || replies[a.Name] != nil; there != (a.Module == "") {
			t.Errorf("%s: tried by this module: %t, by module %q", a.Name, there, a.Module)
		}
	}
	for name := range tries {
		if _, listed := attack.ByName(name); !listed {
			t.Errorf("%s is not listed", name)
		}
	}
	for name := range replies {
		if _, listed := attack.ByName(name); !listed {
			t.Errorf("%s is not listed", name)
		}
	}
}

// This test runs as every test does: without a sandbox.
func TestAnUnconfinedProcessIsFoundToBe(t *testing.T) {
	if why := unconfined(); why == "" {
		t.Error("nothing is missing")
	}
}
