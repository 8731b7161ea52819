// Package config is what an operator sets: segue.yaml, SEGUE_… variables and
// flags, in one value.
//
// A setting has one name (listen, rollout.hold, modules.hello.stop_grace), one
// text form and one reader, wherever it is written. Flags go over the environment,
// the environment over the file, the file over the defaults.
//
// What always holds: a Config that Load gave is valid. Nothing is guessed: an
// unknown field, a wrong type or an impossible value is an Invalid module.Error
// that names the field, the value, where it stands and what to write instead.
//
// A Config that Load gave grants no module files of the runtime's own, and no module a
// quota above the ceiling of all.
//
// The package starts no goroutine and holds no lock.
package config
