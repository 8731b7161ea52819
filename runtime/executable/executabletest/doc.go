// Package executabletest makes files for tests: the smallest ELF executables that are
// whole, with the fields a test wants to be wrong. They cannot do anything when run.
// It keeps no state and starts no goroutine.
package executabletest
