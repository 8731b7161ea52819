// Package rollout moves modules from one release to the next and back.
//
// What is decided about a module is one Record. next is the pure transition of a
// record; desired reads from a record which processes run and who gets traffic; an
// owner, one goroutine a module, makes the world follow.
//
// What always holds:
//   - A decision that widens exposure (a start, more weight) is saved before it is
//     acted on; one that narrows it is acted on first and saved after, so that a
//     full disk never keeps a bad candidate in traffic.
//   - Weights sum to 10000 whenever a module has traffic.
//   - A candidate that fails never displaces stable, and is not tried again until
//     its bytes change or an operator says so.
//
// Goroutines: Engine.Run starts an owner a module. An owner starts one goroutine for
// each process that comes up, is watched, or is retired; all of them end before Run
// returns. Only the owner touches its fields; others send it messages. The Engine's
// mutex guards the set of owners alone and is never held while an owner works.
package rollout
