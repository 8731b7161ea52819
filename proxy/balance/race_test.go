//go:build race

package balance_test

// weightStride thins out the sweep over all weights, which the race detector makes
// ten times slower and no more telling.
const weightStride = 17
