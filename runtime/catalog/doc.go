// Package catalog knows which release has claimed which routes, and keeps two modules
// from answering for the same requests. What is the same is for package route to say: two
// claims that it would refuse in one table are refused here, when the second is made.
//
// It is derived: after a start it is filled from the modules' records. A mutex
// guards all of it; no method blocks on anything else.
package catalog
