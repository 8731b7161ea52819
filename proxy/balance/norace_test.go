//go:build !race

package balance_test

const weightStride = 1
