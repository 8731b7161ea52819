// Package modulev1 holds the generated gRPC code of the control contract in
// module.proto. Regenerate it with `make generate`; never edit it by hand.
package modulev1
