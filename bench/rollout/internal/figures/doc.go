// Package figures sums up the results of many runs: quantiles, and bounds on what
// chance could have made of them. Every function is pure.
package figures
