package proxy

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Director decides where a request goes. An engine calls it from many goroutines
// at once.
type Director interface {
	// Direct gives the exchange for r. It may block, no longer than ctx lives, when
	// a module has no target for a moment. It answers ErrNoRoute where no module
	// serves the address, an error that is ErrNoTarget where the module has nothing
	// to serve it with, and ctx's error where ctx ended first. It keeps r no longer
	// than until the exchange is done.
	Direct(ctx context.Context, r *Request) (Exchange, error)
}

// Exchange is one request on its way to one target.
type Exchange interface {
	// Target is where to send the request.
	Target() Target
	// Keep is how many bytes of the request's body the engine should keep, so that it
	// can be sent again; 0 where it will not be. The engine keeps nothing of a body that
	// is longer, or when its memory for this is used up: then the outcome is Unkept.
	Keep() int64
	// OnRecall gives the exchange the means to take the request back from its target. Called
	// once, before anything is sent, and only where Keep is not 0. back does not block, may
	// be called at any time and from any goroutine, and says whether the request is taken
	// back: not where an answer has come, or its body is not kept. Where it says so, the
	// engine asks for a Replay at once, with an outcome that is ClassDrained.
	OnRecall(back func() bool)
	// Tap, if not nil, is shown what passes. Asked for once, before anything is sent; not
	// asked of an exchange that Replay gave.
	Tap() Tap
	// Sent says that all of the request had been sent at that moment. It comes from any
	// goroutine, and may come late, more than once or never.
	Sent(at time.Time)
	// Answered says that the head of an answer has come. It is not called for an answer
	// that Replay takes the place of.
	Answered(Answer)
	// Replay gives another exchange for the same request, in place of the answer (or the
	// lack of one) that ends this one with o, of which the client has got nothing; nil
	// where that answer stands. The engine asks before Done, only of a failure or of what
	// was taken back, and once for a request; where it gets an exchange, Done(o) follows at
	// once. An o that is Unkept gets none.
	Replay(o Outcome) Exchange
	// Done reports how it ended. The engine calls it exactly once, when nothing of
	// the request is under way any more; further calls are ignored.
	Done(Outcome)
}

// Answer is the head of a module's answer, on its way to the client.
type Answer struct {
	Status int
	Wait   time.Duration // see Outcome.Wait
	// Long says that the answer is of a kind that lasts for as long as its two ends like:
	// an upgraded connection, server-sent events, gRPC. It has a drain limit of its own.
	Long bool
	// Header is what the client will get; it may be added to before Answered returns.
	Header HeaderAdder
}

// HeaderAdder takes header lines. http.Header is one.
type HeaderAdder interface {
	// Add adds a line; the name is in canonical form.
	Add(name, value string)
}

// Tap is shown a request's body and its answer as they pass, from one goroutine at a
// time, in this order; it must not block and keeps no slice that it is given.
type Tap interface {
	Sent(body []byte)
	Head(status int, header http.Header)
	Body(part []byte)
	// End says that nothing more comes, perhaps without anything before; whole, that the
	// answer came to its end and that all of the request's body was shown before it.
	End(whole bool)
}

// Target is one running instance, as an engine sees it. Targets are compared by
// identity, so that an engine can keep connections for each.
type Target interface {
	// Labels say what runs there.
	Labels() Labels
	// Dial opens a new connection to it.
	Dial(ctx context.Context) (net.Conn, error)
	// OnRetire has f called once, when the target takes no new requests and none is
	// in flight; at once, if that is so already. The engine lets go of its
	// connections then. f must not block.
	OnRetire(f func())
}

// Labels name an instance.
type Labels struct {
	Module   string
	Version  string
	Instance string
}

// Release is "hello@1.0.0".
func (l Labels) Release() string { return l.Module + "@" + l.Version }

// Request is what a policy may see of a request.
type Request struct {
	Method string
	Host   string // as CleanHost gives it; empty where the client named none
	// Authority is the host as the client named it, with its port, as the target gets
	// it; only Host is to be decided by. Empty where it is not known.
	Authority string
	Path      string // as CleanPath gives it; sent to the target as it stands here
	Query     string // without the question mark
	Header    Header
	Remote    netip.AddrPort // the peer; invalid where it has no such address
	Client    netip.Addr     // who the request is from, as far as trusted peers tell; else Remote's
	Secure    bool           // it came over TLS, as far as trusted peers tell
	ID        string         // tells requests apart, in logs, pages and the module; never empty

	// Route is the way by which it came to its module. The director sets it as soon as it
	// is known, also of a request that it then refuses; of one that it gives an exchange
	// for it is never nil.
	Route *Route

	// Cancel ends the request early, at any time before Done, from any goroutine;
	// its cause tells the engine why. It does not block. Never nil.
	Cancel context.CancelCauseFunc

	// GoAway asks a request whose answer is long (Answer.Long) to come to an end: the
	// engine says so in the words of its protocol, where it has some, as soon as it stands
	// between two whole messages of the module's, and ends it there. Any other request
	// goes on. It is called at any time before Done, from any goroutine, and does not
	// block. Never nil.
	GoAway func()

	// Failed is the target that an earlier attempt at this very request did not
	// reach, nothing having been sent; nil on the first attempt.
	Failed Target
}

// Header reads the request's headers. http.Header is one.
type Header interface {
	// Get gives the first value of the named header, or "".
	Get(name string) string
}

// Outcome is how an exchange ended.
type Outcome struct {
	Class  Class
	Status int // the module's; 0 where it gave none
	// Duration is from the moment the exchange was given to the last byte.
	Duration time.Duration
	// Wait is from the moment the request had been sent to the head of the answer, or to
	// the end where none came; 0 where the answer, or the end, came before that: the
	// module's own time, not the client's.
	Wait     time.Duration
	BytesIn  int64 // of the body, from the client to the module
	BytesOut int64 // of the body, from the module to the client
	// Reached says that something of the module's answer was handed to the client.
	// Informational answers (1xx) are no part of it.
	Reached bool
	// Unkept says that the request cannot be sent again: its body was not kept.
	Unkept bool
	// Err is why, for the classes that have a why; nil otherwise.
	Err error
}

// Class sorts outcomes. Its zero value is no verdict, and counts as a failure: what
// ended before it could be judged did not end well.
type Class uint8

// The classes.
const (
	ClassUnknown     Class = iota // ended without a verdict
	ClassOK                       // answered with a status below 400, to the end
	ClassClientError              // answered with 4xx
	ClassServerError              // answered with 5xx
	ClassTransport                // not reached, or the answer broke off
	ClassTimeout                  // no answer in time
	ClassClientGone               // the client went away, or broke its own request
	ClassDrained                  // ended by us: taken back, or a drain or a shutdown had no more time
	ClassHost                     // not reached, because the host itself lacked the means
	Classes                       // how many there are
)

var classNames = [Classes]string{"unknown", "ok", "client-error", "server-error", "transport-error",
	"timeout", "client-gone", "drained", "host-error"}

// String is the class in one word: "ok", "client-error", "server-error",
// "transport-error", "timeout", "client-gone", "drained", "host-error", or "unknown"
// for all else.
func (c Class) String() string {
	if c < Classes {
		return classNames[c]
	}
	return classNames[ClassUnknown]
}

// MarshalText is String, so that a class is kept as a word.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Failed reports whether the class counts against the release that answered: 5xx,
// transport errors, timeouts and what ended without a verdict.
func (c Class) Failed() bool {
	switch c {
	case ClassOK, ClassClientError, ClassClientGone, ClassDrained, ClassHost:
		return false
	}
	return true
}

// Attributable reports whether the class says anything of the release, good or bad:
// not where the client, a drain or the host's own lack of means ended the request.
func (c Class) Attributable() bool {
	return c != ClassClientGone && c != ClassDrained && c != ClassHost
}

// ClassOf is the class of a whole answer with that status; a status below 200 ends no
// answer, except 101.
func ClassOf(status int) Class {
	switch {
	case status < 200 && status != http.StatusSwitchingProtocols:
		return ClassTransport
	case status >= 500:
		return ClassServerError
	case status >= 400:
		return ClassClientError
	}
	return ClassOK
}
