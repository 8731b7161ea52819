package proxy

import (
	"time"

	"go.uber.org/zap"
)

// Config says how an engine carries requests. Zero values mean the default.
type Config struct {
	Director Director    // required
	Logger   *zap.Logger // default: none
	// Log, if not nil, is told of each request when all is over, those that the engine
	// answered by itself too. It is called on the request's goroutine, from many at once;
	// it must not block, and keeps nothing of the entry.
	Log func(*Entry)

	// OmitRelease leaves out the Segue-Release header that every answer of a module
	// bears.
	OmitRelease bool

	// Towards clients.
	HeadTimeout time.Duration // for a request's head; default 10 s
	IdleTimeout time.Duration // of a kept-alive connection; default 75 s
	// BodyRate is how many bytes a second a client must send of a body, and take of an
	// answer, on average once BodyGrace has passed, lest it is shut out; where the answer is
	// long it need not. Default 240; negative for any rate. Default of BodyGrace: 10 s. Only
	// the time counts in which the client is waited for.
	BodyRate  int64
	BodyGrace time.Duration
	Limits    Limits

	// Towards modules.
	// Timeouts hold where a route leaves them unset; default: 5 s to connect, 60 s for the
	// answer and idle, for ever in total.
	Timeouts Timeouts
	// LongIdle is how long an answer that is long (Answer.Long) may stand still where its
	// route does not set Timeouts.Idle; default 1 h, negative for ever.
	LongIdle time.Duration
	// KeepIdle is how long an idle connection to a module is kept; default 30 s. It
	// must be less than what the module keeps, or a request may meet a closing
	// connection.
	KeepIdle time.Duration
	// MaxIdle is how many idle connections are kept to each target; default 256.
	MaxIdle int
	// Links bounds the connections to modules, of all engines that share it; default: one of
	// NewLinks(0) for the engine alone. A request that finds none is answered 503, with
	// ClassHost.
	Links *Links
	// ReplayMemory bounds the bytes that are kept of requests' bodies, of all requests
	// together, so that they can be sent again (Exchange.Keep); default 64 MiB.
	ReplayMemory int64
}

// Limits bound what a client, or a module, may send. Zero values mean the default.
type Limits struct {
	HeadBytes   int   // of a request's head; default 64 KiB
	Headers     int   // lines of a request's head, and of its trailers; default 100
	URLBytes    int   // of a request's target; default 8 KiB
	Body        int64 // bytes of a request's body, where a route sets none; default: any
	AnswerBytes int   // of an answer's head; default 256 KiB
	// Streams is how many requests over HTTP/2 may be in flight at once of an IPv4 address,
	// or an IPv6 network of 64 bits, however many its connections are; not of trusted peers.
	// What is too many is answered 503. Default 512; negative for any number.
	Streams int
}

// Defaults is c with its defaults in place. It panics if c has no Director.
func (c Config) Defaults() Config {
	if c.Director == nil {
		panic("proxy: no director")
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	unless(&c.HeadTimeout, 10*time.Second)
	unless(&c.IdleTimeout, 75*time.Second)
	unless(&c.BodyRate, 240)
	unless(&c.BodyGrace, 10*time.Second)
	unless(&c.Limits.HeadBytes, 64<<10)
	unless(&c.Limits.Headers, 100)
	unless(&c.Limits.URLBytes, 8<<10)
	unless(&c.Limits.AnswerBytes, 256<<10)
	c.Timeouts = c.Timeouts.Or(Timeouts{Connect: 5 * time.Second, Answer: 60 * time.Second, Idle: 60 * time.Second, Total: -1})
	unless(&c.LongIdle, time.Hour)
	unless(&c.KeepIdle, 30*time.Second)
	unless(&c.MaxIdle, 256)
	unless(&c.ReplayMemory, 64<<20)
	unless(&c.Limits.Streams, 512)
	if c.Links == nil {
		c.Links = NewLinks(0)
	}
	return c
}

// IdleWhenLong is how long an answer that is long may stand still on that route.
func (c *Config) IdleWhenLong(r *Route) time.Duration {
	if r != nil && r.Timeouts.Idle != 0 {
		return r.Timeouts.Idle
	}
	return c.LongIdle
}

func unless[T comparable](at *T, value T) {
	var zero T
	if *at == zero {
		*at = value
	}
}
