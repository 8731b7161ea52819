package main

import (
	"hash/fnv"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/segue-run/segue/bench/rollout/internal/trial"
)

// play plays the scenario so many times, on all processors. Each run has a seed of
// its own, made from the scenario's name, so that the results, which are in the order
// of the runs, do not depend on who played what.
func play(name string, runs int, one func(seed uint64) trial.Result) []trial.Result {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	first := h.Sum64()
	results := make([]trial.Result, runs)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= runs {
					return
				}
				results[i] = one(first + uint64(i))
			}
		})
	}
	wg.Wait()
	return results
}
