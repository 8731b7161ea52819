package nethttp

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/carry"
	"github.com/segue-run/segue/proxy/guard"
	"github.com/segue-run/segue/proxy/page"
)

const (
	// clientPatience is how long a client is waited for before it counts as slow at the end
	// of a request's total time.
	clientPatience = 100 * time.Millisecond
	// lastWords is how long a client that is being cut off may take to read what it
	// is told, and to stop sending.
	lastWords = time.Second
	// attempts at one request, all but the last having reached nobody.
	attempts = 2
)

// ending is what is to become of the client's connection, or of its stream.
type ending bool

const (
	whole  ending = true  // it got a whole answer
	broken ending = false // the answer broke off: so must the connection
)

// transit is one request on its way through the engine.
type transit struct {
	e      *Engine
	w      http.ResponseWriter
	client http.ResponseController
	in     *http.Request
	ctx    context.Context
	cancel context.CancelCauseFunc
	began  time.Time // the whole

	request  proxy.Request
	from     guard.Client
	counts   netip.Addr // whom the request counts for; invalid for nobody
	upgrade  string     // the protocol that the client asks to change to
	grpc     bool       // it is gRPC, and so are its answers
	body     *clientBody
	timeouts proxy.Timeouts // that hold on its route
	total    *time.Timer    // nil for no limit
	kept     *keeper        // nil where the body is not kept
	reading  *reading       // of kept, this attempt's
	start    int64          // bytes of the body that were read before this attempt
	out      *http.Request  // to the module

	exchange    proxy.Exchange
	tried       time.Time // this attempt began
	outcome     proxy.Outcome
	settled     bool       // the exchange is done
	replayAsked bool       // the exchange was asked for a replay already
	tap         *carry.Tap // nil for none
	attempt     *attempt   // nil where it cannot be ended by itself
	link        *link      // that the answer comes over; nil where it is gRPC
	signals     *signals   // of this attempt
	first       signals    // of the first one
	takes       rate       // of the client
	idle        idle       // of the module
	long        bool       // the answer lasts
	away        away

	// For the log.
	status   int // that the client was answered
	refused  string
	retried  bool
	replayed bool

	informing sync.Mutex // held while an informational answer is written
	informed  int        // how many came
	hinted    int        // bytes of their heads

	mu      sync.Mutex // never held while anything is written
	cutting bool       // deadlines are set on the client's connection
	over    bool       // too late for them
}

func newTransit(e *Engine, w http.ResponseWriter, in *http.Request) *transit {
	t := &transit{e: e, w: w, client: *http.NewResponseController(w), in: in, began: time.Now(),
		upgrade: upgradeOf(in.Header), grpc: in.ProtoMajor == 2 && isGRPC(in.Header), body: newClientBody(in)}
	t.takes.late, t.takes.perSecond, t.takes.grace = t.shutOut, e.cfg.BodyRate, e.cfg.BodyGrace
	t.idle.late = func() { t.cancel(proxy.ErrTimeout) }
	if t.body != nil {
		// The module may answer before it has read everything; not every
		// ResponseWriter has the choice.
		_ = t.client.EnableFullDuplex()
		t.body.idle = &t.idle
		t.body.rate.late, t.body.rate.perSecond, t.body.rate.grace = t.stopSending, e.cfg.BodyRate, e.cfg.BodyGrace
	}
	t.ctx, t.cancel = context.WithCancelCause(in.Context())
	peer := proxy.Peer{}
	if conn := connOf(in); conn != nil {
		peer = conn.Peer
	}
	t.from.Read(&peer, in.Host, in.Header)
	t.request = proxy.Request{Method: in.Method, Authority: in.Host, Query: in.URL.RawQuery, Header: in.Header,
		Remote: peer.Addr, Client: t.from.Addr, Secure: t.from.Secure, ID: t.from.ID, Cancel: t.cutOff, GoAway: t.away.ask}
	return t
}

// cutOff cancels the request, without waiting for anything. A client that does not
// read, or does not send, must not keep it alive: its connection gets a deadline.
func (t *transit) cutOff(cause error) {
	t.cancel(cause)
	t.deadline(time.Now().Add(lastWords), true, true)
}

// shutOut ends the request of a client that does not take its answer.
func (t *transit) shutOut() {
	t.cancel(errSlow)
	t.deadline(time.Now().Add(-time.Second), false, true)
}

// stopSending ends the body of a client that does not send it.
func (t *transit) stopSending() {
	t.body.slow.Store(true)
	t.deadline(time.Now().Add(-time.Second), true, false)
}

// deadline sets deadlines on the client's connection, or its stream.
func (t *transit) deadline(at time.Time, read, write bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	t.cutting = true
	if write {
		_ = t.client.SetWriteDeadline(at)
	}
	if read {
		_ = t.client.SetReadDeadline(at)
	}
}

// finish ends a whole answer. What the client still sends of its body is waited for
// briefly, so that it comes to read the answer; a client that waits to be asked for
// its body is not. A stream of HTTP/2 ends by itself.
func (t *transit) finish() {
	wait := lastWords
	if t.body.unread() && t.in.ProtoMajor == 1 {
		_ = t.client.Flush()
		if t.body.bytes() == 0 && t.in.Header.Get("Expect") != "" {
			wait = 0
		}
	}
	t.end(wait)
}

// breakOff ends an answer that is not whole.
func (t *transit) breakOff() {
	if t.outcome.Reached {
		t.e.counters.broken.Add(1)
	}
	t.end(0)
	resetIfUnframed(t.in)
}

// end gives the client time to send the rest of its body, if any, and lifts the
// deadlines of a cut-off that came too late to matter. Nobody reads the body any more
// when it returns: net/http would wait for the rest without a limit, and the
// transport may have been reading still.
func (t *transit) end(wait time.Duration) {
	t.cancel(nil)
	t.takes.end()
	if t.total != nil {
		t.total.Stop()
	}
	if t.body != nil {
		t.body.rate.end()
	}
	unread := t.body.unread()
	t.mu.Lock()
	t.over = true
	if t.cutting {
		_ = t.client.SetReadDeadline(time.Time{})
		_ = t.client.SetWriteDeadline(time.Time{})
	}
	t.mu.Unlock()
	if !unread {
		return
	}
	if t.in.ProtoMajor == 1 {
		_ = t.client.SetReadDeadline(time.Now().Add(wait))
	}
	_ = t.in.Body.Close()
}

// carry takes the request to a module and its answer back.
func (t *transit) carry() ending {
	if p := t.screen(); p != nil {
		return t.say(*p)
	}
	if strings.EqualFold(t.in.Method, http.MethodConnect) {
		return t.refuseTunnel()
	}
	if err := t.address(); err != nil {
		return t.refuse(err)
	}
	var exchange proxy.Exchange
	for attempt := 1; ; attempt++ {
		if exchange == nil {
			var err error
			if exchange, err = t.e.cfg.Director.Direct(t.ctx, &t.request); err != nil {
				return t.refuse(err)
			}
		}
		if attempt == 1 && !t.prepare() {
			exchange.Done(proxy.Outcome{Class: proxy.ClassClientGone, Err: errTooLong})
			return t.say(page.TooLarge(t.request.Route.Module, t.most()))
		}
		end, next := t.try(exchange, attempt < attempts)
		switch {
		case next == nil:
			return end
		case next == exchange:
			t.request.Failed = exchange.Target()
			t.retried = true
			t.e.counters.retried.Add(1)
			exchange = nil
		default:
			t.replayed = true
			t.e.counters.replayed.Add(1)
			exchange = next
		}
		t.signals = new(signals) // somebody may still tell the ones before
		t.out = t.out.WithContext(t.signals.listen(t))
	}
}

// address finds the one spelling of where the request goes.
func (t *transit) address() (err error) {
	if t.request.Host, err = proxy.CleanHost(t.in.Host); err != nil {
		return err
	}
	t.request.Path, err = proxy.CleanPath(pathOf(t.in.RequestURI))
	return err
}

// pathOf is a target's path as the client sent it. url.URL would not do: where a path has
// characters that are odd, its EscapedPath is made of what was escaped before, and
// "%2f.." is a segment above then.
func pathOf(target string) string {
	target, _, _ = strings.Cut(target, "?")
	if strings.HasPrefix(target, "/") {
		return target
	}
	scheme, rest, absolute := strings.Cut(target, "://") // "GET http://example.com/ HTTP/1.1"
	if !absolute || strings.Contains(scheme, "/") {
		return target
	}
	if at := strings.IndexByte(rest, '/'); at >= 0 {
		return rest[at:]
	}
	return "/"
}

// prepare makes the request to the module by what holds on its route; false where its body
// is too long for it.
func (t *transit) prepare() bool {
	route := t.request.Route
	if route == nil {
		route = new(proxy.Route) // a director that sets none, of an exchange of its own
	}
	t.timeouts = route.Timeouts.Or(t.e.cfg.Timeouts)
	t.idle.limit.Store(int64(t.timeouts.Idle))
	most := t.most()
	if most > 0 && t.in.ContentLength > most {
		return false
	}
	t.limitTotal()
	header := forwardHeader(t.in)
	t.tell(header, route)
	if t.upgrade != "" {
		header["Connection"] = []string{"Upgrade"}
		header["Upgrade"] = []string{t.upgrade}
	}
	// Opaque goes out as it stands.
	to := &url.URL{Scheme: "http", Host: upstreamHost, Opaque: route.Forwarded(t.request.Path),
		RawQuery: t.in.URL.RawQuery, ForceQuery: t.in.URL.ForceQuery}
	t.signals = &t.first
	t.out = (&http.Request{Method: t.in.Method, URL: to, Host: t.in.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(t.signals.listen(t))
	if t.body != nil {
		t.body.most = most
		if t.grpc { // who calls may take their time, before an answer too
			t.body.rate.perSecond, t.body.rate.grace = 0, t.timeouts.Idle
		}
		t.out.ContentLength, t.out.Trailer = t.in.ContentLength, t.body.trailer
	}
	return true
}

// most is how long the request's body may be; 0 for any.
func (t *transit) most() int64 {
	if route := t.request.Route; route != nil && route.MaxBody > 0 {
		return route.MaxBody
	}
	return t.e.cfg.Limits.Body
}

// limitTotal bounds the whole. Where the client is waited for when it is over, that is
// not the module's fault.
func (t *transit) limitTotal() {
	if t.timeouts.Total < 0 {
		return
	}
	t.total = time.AfterFunc(t.timeouts.Total-time.Since(t.began), func() {
		// A piece on its way to the client at that very moment speaks against nobody.
		if t.takes.waitsFor(min(t.timeouts.Total/2, clientPatience)) || t.body != nil && t.body.rate.waits() {
			t.cutOff(errSlow)
			return
		}
		t.cutOff(proxy.ErrTimeout)
	})
}
