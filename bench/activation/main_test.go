package main

import "testing"

func TestEveryRunHasAVersionOfItsOwnAndOfFiveCharacters(t *testing.T) {
	seen := map[string]bool{"1.0.0": true} // the one that is warm before the first run
	for i := 1; i <= maxRuns; i++ {
		v := version(i)
		if len(v) != len("1.0.0") || seen[v] {
			t.Fatalf("run %d has version %q", i, v)
		}
		seen[v] = true
	}
}
