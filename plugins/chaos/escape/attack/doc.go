// Package attack is the list of what plugins/chaos/escape tries: each attack with what it
// is after, the layers that stop it, and how it may end. It is shared by the module, which
// tries, and by the tests, which judge.
//
// What always holds: a name is there once, and every layer that is named is one of Layers.
// The package is data alone; it starts no goroutine and holds no lock.
package attack
