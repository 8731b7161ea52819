// Package route decides by address which module a request is for.
//
// What always holds: a Table never changes once built; two modules never claim the
// same host and path in one table; a match takes time linear in the path and
// allocates nothing. The package starts no goroutine and holds no lock.
package route
