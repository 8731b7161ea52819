// Package grant weighs what modules ask for against what operators allow: permissions
// as sets, and quotas under their ceilings. All of it is pure: values in, values out.
package grant
