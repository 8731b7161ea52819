// Package limit counts requests against rates and numbers at a time.
//
// A rate is a bucket that holds a burst of requests and fills at a steady pace (the
// generic cell rate algorithm): it is one number, the moment at which the bucket will be
// full. So it is exact at any moment, and knows to the nanosecond when the next request
// may come.
//
// What always holds: no method blocks but for the moment that another one takes; time
// comes in as an argument, and may go back a little between goroutines; memory is bounded
// (see Clients). The package starts no goroutine. Rate and Concurrency have no lock, and
// each shard of Clients has one, under which nothing of the caller's is called.
package limit
