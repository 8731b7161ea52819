// Package catalog knows which release has claimed which routes, and keeps two
// modules from answering for the same ones.
//
// It is derived: after a start it is filled from the modules' records. A mutex
// guards all of it; no method blocks on anything else.
package catalog
