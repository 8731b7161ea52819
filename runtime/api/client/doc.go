// Package client is the admin API's Go client; the command line uses nothing else
// to reach a runtime.
//
// What always holds: an error of the runtime comes back as the *module.Error that
// it was there, with its kind; a runtime that does not answer at all is
// ErrUnreachable. A Client may be used from many goroutines. It starts none that
// outlives a call, but keeps idle connections until Close.
package client
