// Package variant makes releases in numbers: copies of a module's executable whose
// embedded manifest says another version, name or path of equal length. Such a
// copy is a real executable with a digest of its own, which is what a benchmark
// needs; nobody should ship one. There are no goroutines.
package variant
