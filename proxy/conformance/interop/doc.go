// Package interop has gRPC's own interoperability tests run through the proxy: grpc-go's
// client on one side, over clear text and TLS, and its server on the other, on the unix
// socket of a module. It is a module of its own, since what these tests need is nothing
// that the product needs.
//
// What always holds: a test fails where a call ends otherwise than it would without the
// proxy. The package has nothing but tests.
package interop
