// Package gateway does for a module what it may not do by itself: it connects and
// listens where that was granted, and passes the descriptor.
package gateway
