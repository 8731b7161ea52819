package h1

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/carry"
	"github.com/segue-run/segue/proxy/guard"
	"github.com/segue-run/segue/proxy/h1/wire"
	"github.com/segue-run/segue/proxy/page"
)

// attempts at one request, all but the last having reached nobody.
const attempts = 2

// ending is what is to become of the client's connection.
type ending uint8

const (
	goesOn ending = iota // another request may come
	ends                 // the answer was whole; the connection ends
	broken               // the answer broke off: so must the connection
)

// transit is one request on its way through the engine. It is not used again: somebody may
// still tell it something when it is over.
type transit struct {
	e    *Engine
	c    *conn
	head *wire.Request // the connection's

	request     proxy.Request
	client      guard.Client
	times       proxy.Timeouts
	body        *incoming // nil for none
	kept        *keeper   // nil where the body is not kept
	replayAsked bool      // the exchange was asked for a replay already
	began       int64     // on the engine's clock

	// The present attempt.
	exchange proxy.Exchange
	begun    time.Time
	outcome  proxy.Outcome
	settled  bool       // the exchange is done
	reading  *reading   // of kept
	tap      *carry.Tap // nil for none
	attempt  *attempt
	first    attempt
	sentAt   atomic.Int64 // when all was sent; 0 before
	up       *upload      // nil where all of the body went with the head

	link     *link   // to the module; nil where there is none any more
	unasked  bool    // the request is composed, and not written yet
	in       *buffer // what came over it and is not passed on: in.b[r:w]
	r, w     int
	out      *buffer // to be written
	o        []byte  // its contents
	tail     []byte  // to be written behind it, from in
	answered outgoing
	taking   taking // how the client does

	status   int // that the client was told; 0 before
	refused  string
	closes   bool // the connection ends with the answer
	excuses  bool // the answer of our own is for a release's
	retried  bool
	replayed bool

	informing sync.Mutex // held while an informational answer is written
	hushed    bool       // none may be written any more
	informed  int        // how many came
	hinted    int        // bytes of their heads
	continued bool       // the client was asked for its body

	// What the sweeper looks at.
	answerDue due // the module must have said something
	takeDue   due // the module must have taken something
	totalDue  due
	watchDue  due         // then the client is watched
	waiting   atomic.Bool // for the client's body: the module need not say anything
	long      atomic.Bool // the answer is

	ctx       lazy
	mu        sync.Mutex // never held while anything is read or written
	over      bool       // too late to end it
	done      bool       // so are its exchanges, all of them
	cutting   time.Time  // deadline of the client's connection; zero for none
	gone      bool       // the client is
	leaving   bool       // a long answer is to come to its end
	headed    bool       // the head of the final answer has come
	severed   bool       // both ends of a tunnel were ended
	watch     *watch     // nil where nobody watches the client
	watches   bool       // somebody may
	follows   bool       // leaving is looked at while the module is waited for
	turned    bool       // it was
	tunnelled bool       // the connection has changed its protocol
	told      bool       // and its client was told farewell
}

// request carries the request whose head was read; it reports whether another one may
// follow.
func (c *conn) request() bool {
	e := c.e
	t := newTransit(c)
	e.inFlight.Add(1)
	e.counters.requests.Add(1)
	c.current.Store(t)
	if c.cut.Load() {
		t.cutOff(proxy.ErrDraining)
	}
	end := broken
	defer func() {
		t.finish(end)
		c.current.Store(nil)
		e.inFlight.Add(-1)
	}()
	end = t.carry()
	return end == goesOn && c.state.Load() == connBusy
}

func newTransit(c *conn) *transit {
	t := &transit{e: c.e, c: c, head: &c.head, began: c.e.now()}
	head := t.head
	peer := &c.pc.Peer
	t.client.Read(peer, head.Host, (*fields)(head))
	t.request = proxy.Request{Method: head.Method, Authority: head.Host, Query: head.Query, Header: (*fields)(head),
		Remote: peer.Addr, Client: t.client.Addr, Secure: t.client.Secure, ID: t.client.ID, Cancel: t.cancel, GoAway: t.goAway}
	if head.Framing == wire.Chunked || head.Length > 0 {
		t.body = newIncoming(t)
		head.Upgrade = "" // who wants to change the protocol sends no body
	}
	t.closes = head.Close
	t.taking.from = c.written.Load()
	t.watches = t.body == nil && c.watched != nil
	t.watchDue.set(t.began + int64(watchAfter))
	return t
}

// unread reports whether some of the body is still to come.
func (t *transit) unread() bool { return t.body != nil && !t.body.finished.Load() }

// expects reports whether the client waits to be asked for its body.
func (t *transit) expects() bool { return t.head.Continue && !t.continued && !t.body.begun() }

// carry takes the request to a module and its answer back.
func (t *transit) carry() ending {
	switch {
	case isConnect(t.head.Method):
		t.closes = true // what comes after it is no request
		return t.say(page.NoTunnels())
	case t.head.Path == "*":
		return t.sayOptions()
	}
	if _, ok := namedBy(t.head.Fields); !ok {
		return t.say(page.Of(400, "", "the request's Connection names too many fields"))
	}
	if err := t.address(); err != nil {
		return t.refuse(err)
	}
	var exchange proxy.Exchange
	for n := 1; ; n++ {
		if exchange == nil {
			var err error
			if exchange, err = t.e.cfg.Director.Direct(&t.ctx, &t.request); err != nil {
				return t.refuse(err)
			}
		}
		end, next := t.try(exchange, n)
		switch {
		case next == nil:
			return end
		case next == exchange:
			t.request.Failed = exchange.Target()
			t.e.counters.retried.Add(1)
			t.retried = true
			exchange = nil
		default:
			t.e.counters.replayed.Add(1)
			t.replayed = true
			exchange = next
		}
	}
}

// begin begins the nth attempt.
func (t *transit) begin(exchange proxy.Exchange, n int) {
	t.exchange, t.begun, t.outcome, t.settled = exchange, time.Now(), proxy.Outcome{}, false
	t.sentAt.Store(0)
	t.forget()
	a := &t.first
	if n > 1 {
		a = new(attempt) // somebody may still tell the one before
	}
	a.t = t
	t.mu.Lock()
	t.attempt, t.headed = a, false
	t.mu.Unlock()
	t.hush(false)
	if t.replayAsked { // a replay
		t.tap = nil
		if t.kept != nil {
			t.reading = t.kept.restart()
		}
		return
	}
	t.tap = carry.NewTap(exchange.Tap())
	t.keep(exchange.Keep())
}

// route takes over what holds on the way that the director has found.
func (t *transit) route() {
	if t.request.Route == nil {
		t.request.Route = new(proxy.Route)
	}
	t.times = t.request.Route.Timeouts.Or(t.e.cfg.Timeouts)
	if t.times.Total > 0 {
		t.totalDue.set(t.began + int64(t.times.Total))
	}
	if t.body != nil {
		t.body.most = t.e.cfg.Limits.Body
		if most := t.request.Route.MaxBody; most > 0 {
			t.body.most = most
		}
	}
}

// keep keeps most bytes of the body, if that is enough, so that the request can be sent
// again, and taken back.
func (t *transit) keep(most int64) {
	t.kept, t.reading = nil, nil
	if t.body != nil {
		t.body.tap = t.tap
	}
	if most == 0 || t.head.Length > most {
		return
	}
	if t.body != nil {
		t.kept = newKeeper(t.body, t.e.memory, most)
		t.reading = t.kept.current
	}
	t.attempt.kept = t.kept // nobody else knows of it yet
	t.exchange.OnRecall(t.attempt.back)
}

// try makes the nth attempt. Where that is not the end it gives the exchange to go on with:
// the same one, if nothing was sent to its target and another is to be asked for; or the
// one that takes the place of a failure.
func (t *transit) try(exchange proxy.Exchange, n int) (end ending, next proxy.Exchange) {
	defer t.settle() // whatever happens, also a panic of ours
	t.begin(exchange, n)
	if n == 1 {
		if t.route(); t.body.tooLong(t.head.Length) {
			return t.refuseBody(), nil
		}
	}
	res, err := t.roundTrip()
	taken := t.attempt.end()
	if _, unreached := errors.AsType[*dialError](err); unreached && !taken && !proxy.HostLacks(err) && n < attempts && t.ctx.ended() == nil {
		t.outcome.Class, t.outcome.Err = proxy.ClassTransport, err
		return goesOn, exchange
	}
	t.hush(true)
	t.outcome.Wait = t.wait()
	if err == nil {
		if err = t.check(res); taken { // at the same moment
			err = proxy.ErrRecalled
		}
	}
	if err != nil {
		t.failed(err)
	}
	if next = t.replay(res, err); next != nil {
		t.letGo(false)
		return goesOn, next
	}
	if t.kept != nil {
		t.kept.settle()
	}
	switch {
	case err != nil:
		t.letGo(false)
		return t.apologise(), nil
	case res.Status == 101:
		return t.tunnel(res), nil
	}
	return t.answer(res), nil
}
