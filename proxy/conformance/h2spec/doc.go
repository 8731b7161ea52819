// Package h2spec has h2spec, the conformance tests of HTTP/2 and HPACK, run against the
// proxy, over clear text and over TLS, with a module behind it. It is a module of its own,
// since what these tests need is nothing that the product needs.
//
// What always holds: every test passes, but for the exceptions that are listed with a
// reason, and each of these fails. The package has nothing but tests.
package h2spec
