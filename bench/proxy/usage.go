package main

import (
	"time"

	"github.com/segue-run/segue/bench/internal/process"
)

// processorTime is what a proxy and its children, which is where nginx's workers are, have
// used.
func processorTime(pid int) (time.Duration, error) {
	pids, err := process.Family(pid)
	if err != nil {
		return 0, err
	}
	return process.ProcessorTime(pids...)
}

// resident is the memory that a proxy and its children hold, in bytes.
func resident(pid int) (int64, error) {
	pids, err := process.Family(pid)
	if err != nil {
		return 0, err
	}
	return process.Resident(pids...)
}
