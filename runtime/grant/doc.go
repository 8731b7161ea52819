// Package grant weighs what modules ask for against what operators allow: permissions
// as sets, and quotas under their ceilings. All of it is pure: values in, values out.
//
// An entry of Permissions is a set of things that a module may do: a path stands for
// all below it, "*.example.com:443" for every name below example.com. The functions
// here work on those sets, one entry against one other: what two entries of a grant
// hold only together is not found.
//
// What always holds: Common gives nothing that was not asked for or not granted; and an
// entry that manifest.Permissions.Validate refuses stands for nothing but its own text.
// The package starts no goroutine and holds no lock.
package grant
