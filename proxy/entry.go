package proxy

import "time"

// Entry is one request when all is over, for the access log.
type Entry struct {
	Request  *Request
	Protocol string  // "HTTP/1.0", "HTTP/1.1" or "HTTP/2.0"
	Route    *Route  // nil where none was found
	Labels   Labels  // of the target that answered, or was asked last; zero where none was
	Outcome  Outcome // of that target; its zero value where there was none
	// Status is what the client was answered; 0 where it got no head of an answer.
	Status int
	// Refused is why the engine answered by itself, in a word (see package page); empty
	// where the answer is the module's.
	Refused  string
	Began    time.Time
	Duration time.Duration
	Retried  bool // sent a second time, having reached nobody
	Replayed bool // answered by another target than the one that was first to get it
}
