// Package route decides which module a request is for, by its host, path, headers and
// method.
//
// Of the entries that take a request, one decides. They are asked in this order:
//
//  1. by host: those for exactly its host, then those for a wildcard (of two, the longer),
//     then those for any host;
//  2. by path: the longer before the shorter;
//  3. by headers: the one with more conditions first, and of as many the one in which more
//     of them name a value;
//  4. by method: the one that names methods before the one for all.
//
// What does not take the request is passed over: where an entry for GET alone is the only
// one for a path, a POST goes on to the next shorter path and the next wider host, and
// finds no route if nobody takes it. GET stands for HEAD too. A header that is empty
// counts as absent; of one that stands there several times, the first line counts.
//
// Where two entries of different modules could take one request and neither goes before
// the other by that order, they conflict (see Conflict), and Build refuses them. Those of
// one module may: the first in its list decides.
//
// What always holds: a Table never changes once built; no request's module depends on the
// order of modules; a match takes time linear in the path, and in the entries for the
// paths on its way, and allocates nothing. The package starts no goroutine and holds no
// lock.
package route
