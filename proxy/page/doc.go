// Package page makes the answers that the proxy gives by itself: which module, what is
// wrong in plain words, what to do, and the request's id, as JSON, HTML or text as the
// client likes.
//
// What always holds: a page tells nothing of what is inside, and what it quotes cannot
// break out of its format. HTML needs nothing but itself and runs no script. A page is
// for one client at one moment: who sends it forbids to store it. The package starts no
// goroutine and holds no lock.
package page
