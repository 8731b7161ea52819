//go:build !race

package rollout_test

// How many random stories are played.
const (
	seedsOfRules = 120
	seedsOfDeath = 8
)
