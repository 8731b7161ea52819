//go:build race

package rollout_test

// The race detector makes stories five times slower, and each of them no more telling.
const (
	seedsOfRules = 30
	seedsOfDeath = 3
)
