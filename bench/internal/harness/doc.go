// Package harness runs a real runtime for the benchmarks and the demo: bin/segue
// on free loopback ports, with a state and a modules folder of its own below a
// temporary folder.
//
// Start returns when the runtime is ready; Stop ends the process by its pid, kills
// it where it does not go, and removes the folder. One goroutine a Host waits for
// the process; Stop joins it. A Host may be used by several goroutines.
package harness
