// Command plugin serves an empty go-plugin over gRPC: what starting it and asking
// it once costs is the least that starting a module costs. It is started by
// bench/activation alone.
package main
