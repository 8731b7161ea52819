// Package table prints a benchmark's result as a Markdown table under a line that
// says on which machine it was measured. There are no goroutines.
package table
