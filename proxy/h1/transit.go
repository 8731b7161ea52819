package h1

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
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

	request proxy.Request
	client  guard.Client
	times   proxy.Timeouts
	body    *incoming // nil for none
	kept    *keeper   // nil where the body is not kept
	asked   bool      // whether the request may be replayed
	began   int64

	exchange proxy.Exchange
	begun    time.Time // the attempt
	outcome  proxy.Outcome
	settled  bool     // the exchange is done
	reading  *reading // of kept, this attempt's
	tap      *tapped  // nil for none
	attempt  *attempt
	first    attempt
	sentAt   atomic.Int64 // when all was sent; 0 before
	up       *upload      // nil where all of the body went with the head

	link     *link   // to the module; nil where there is none any more
	in       *buffer // what came over it and is not passed on: in.b[r:w]
	r, w     int
	out      *buffer // to be written
	o        []byte  // its contents
	answered outgoing
	taking   taking

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

	answerDue due // the module must have said something
	takeDue   due // the module must have taken something
	totalDue  due
	watchDue  due         // then the client is watched
	waiting   atomic.Bool // for the client's body: the module need not say anything
	long      atomic.Bool // the answer is

	ctx       lazy
	mu        sync.Mutex // never held while anything is read or written
	over      bool       // too late to end it
	cutting   time.Time  // deadline of the client's connection; zero for none
	gone      bool       // the client is
	leaving   bool       // a long answer is to come to its end
	headed    bool       // the head of the final answer has come
	severed   bool       // both ends of a tunnel were ended
	watch     *watch     // nil where nobody watches the client
	watches   bool       // somebody may
	follows   bool       // leaving is looked at while the module is waited for
	turned    bool       // it was
	tunnelled bool
}

// request carries the request whose head was read; it reports whether another one may
// follow.
func (c *conn) request() bool {
	e := c.e
	e.inFlight.Add(1)
	e.counters.requests.Add(1)
	t := newTransit(c)
	c.current.Store(t)
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
		Remote: peer.Addr, Client: t.client.Addr, Secure: t.client.Secure, ID: t.client.ID, Cancel: t.cutOff, GoAway: t.goAway}
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
	a := &t.first
	if n > 1 {
		a = new(attempt) // somebody may still tell the one before
	}
	a.t = t
	t.mu.Lock()
	t.attempt, t.headed = a, false
	t.mu.Unlock()
	t.hush(false)
	if t.asked { // a replay
		t.tap = nil
		if t.kept != nil {
			t.reading = t.kept.restart()
		}
		return
	}
	t.tap = tapOf(exchange.Tap())
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
		t.kept = newKeeper(t.body, &t.e.memory, most)
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

var (
	// errUpgrade is a module that changed to a protocol it was not asked for.
	errUpgrade = errors.New("module changed to another protocol than was asked for")
	// errClientWrite marks a failure on the client's side of an answer.
	errClientWrite = errors.New("client does not take the answer")
)

// check refuses an answer that is none.
func (t *transit) check(res *wire.Response) error {
	t.outcome.Status = res.Status
	if res.Status == 101 && (t.head.Upgrade == "" || res.Upgrade != t.head.Upgrade) {
		return errUpgrade
	}
	return nil
}

// replay asks for an exchange in place of a failure, or of what was taken back, of
// which the client has got nothing. Where there is one, the module's answer is thrown
// away unread, and its connection with it: to wait for the rest could take as long as the
// module likes.
func (t *transit) replay(res *wire.Response, err error) proxy.Exchange {
	o := t.outcome
	if err == nil && res.Status >= 500 {
		o.Class = proxy.ClassServerError
	}
	failed := o.Class.Failed() || errors.Is(o.Err, proxy.ErrRecalled)
	if t.asked || err == nil && o.Class != proxy.ClassServerError || !failed || t.ctx.ended() != nil {
		return nil
	}
	t.asked = true
	o.Unkept = t.body != nil && (t.kept == nil || !t.kept.hold())
	next := t.exchange.Replay(o)
	if next == nil || o.Unkept {
		return nil
	}
	t.outcome = o
	return next
}

// sent notes that all of the request has been sent.
func (t *transit) sent() {
	now := time.Now()
	at := t.e.on(now)
	t.owes(at)
	t.sentAt.Store(at)
	t.exchange.Sent(now)
}

// owes says that the module has all it will get of the request: from now on it has its
// time for the answer, unless that has come already.
func (t *transit) owes(now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.times.Answer > 0 && !t.headed {
		t.answerDue.set(now + int64(t.times.Answer))
	}
}

// answers notes that the head of the final answer has come; it reports whether that was in
// time.
func (t *transit) answers() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.headed = true
	return t.answerDue.met()
}

// isHeaded reports whether an answer has come.
func (t *transit) isHeaded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.headed
}

// wait is the time since then; 0 before.
func (t *transit) wait() time.Duration {
	sent := t.sentAt.Load()
	if sent == 0 {
		return 0
	}
	return time.Duration(max(t.e.now()-sent, 0))
}

// settle reports the outcome, once, and before the client sees the end of its answer:
// what it has got has been counted.
func (t *transit) settle() {
	if t.settled {
		return
	}
	t.settled = true
	t.letGo(false)
	t.outcome.Duration = time.Since(t.begun)
	if t.reading != nil {
		t.outcome.BytesIn += t.reading.at
	} else if t.body != nil {
		t.outcome.BytesIn += t.body.n
	}
	t.tap.end(t.outcome.Reached && t.outcome.Class != proxy.ClassUnknown && t.outcome.Err == nil)
	t.exchange.Done(t.outcome)
}

// failed notes why the module's answer did not come, or not wholly.
func (t *transit) failed(err error) {
	t.outcome.Err = err
	cause := t.attempt.why()
	timeout, isNet := errors.AsType[net.Error](err)
	_, unreached := errors.AsType[*dialError](err)
	switch {
	case errors.Is(cause, proxy.ErrDraining), errors.Is(cause, proxy.ErrRecalled):
		t.outcome.Class, t.outcome.Err = proxy.ClassDrained, cause
	case errors.Is(cause, proxy.ErrTimeout):
		t.outcome.Class, t.outcome.Err = proxy.ClassTimeout, cause
	case t.ctx.ended() != nil, t.body.broken(), errors.Is(err, errClientWrite):
		t.outcome.Class = proxy.ClassClientGone
	case unreached && proxy.HostLacks(err):
		t.outcome.Class = proxy.ClassHost
		if t.e.lack.due(lackEvery) {
			t.e.cfg.Logger.Error("host lacks the means to reach modules", zap.Error(err))
		}
	case isNet && timeout.Timeout() && !unreached:
		t.outcome.Class = proxy.ClassTimeout
	default:
		t.outcome.Class = proxy.ClassTransport
	}
	labels := t.exchange.Target().Labels()
	t.e.cfg.Logger.Debug("request failed", zap.String("module", labels.Module),
		zap.String("release", labels.Release()), zap.String("instance", labels.Instance),
		zap.Stringer("class", t.outcome.Class), zap.Error(t.outcome.Err))
}
