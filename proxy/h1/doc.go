// Package h1 is a proxy engine for HTTP/1.1 on both sides, on package wire.
package h1
