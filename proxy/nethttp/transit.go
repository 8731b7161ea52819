package nethttp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
)

const (
	// lastWords is how long a client that is being cut off may take to read what it
	// is told, and to stop sending.
	lastWords = time.Second
	// attempts at one request, all but the last having reached nobody.
	attempts = 2
)

// ending is what is to become of the client's connection.
type ending bool

const (
	whole  ending = true  // it got a whole answer
	broken ending = false // the answer broke off: so must the connection
)

// transit is one request on its way through the engine.
type transit struct {
	e      *Engine
	w      http.ResponseWriter
	client *http.ResponseController
	in     *http.Request
	ctx    context.Context
	cancel context.CancelCauseFunc

	request proxy.Request
	remote  string // the peer's IP address, may be empty
	upgrade string // the protocol that the client asks to change to
	body    *clientBody
	out     *http.Request // to the module
	trace   httptrace.ClientTrace

	exchange proxy.Exchange
	began    time.Time
	outcome  proxy.Outcome
	settled  bool // the exchange is done

	informing sync.Mutex // held while an informational answer is written
	answered  bool       // the round trip is over: no more of them go out
	informed  int        // how many came
	hinted    int        // bytes of their heads

	mu      sync.Mutex // never held while anything is written
	cutting bool       // deadlines are set on the client's connection
	over    bool       // too late for them
}

func newTransit(e *Engine, w http.ResponseWriter, in *http.Request) *transit {
	t := &transit{e: e, w: w, client: http.NewResponseController(w), in: in,
		upgrade: upgradeOf(in.Header), body: newClientBody(in)}
	if t.body != nil {
		// The module may answer before it has read everything; not every
		// ResponseWriter has the choice.
		_ = t.client.EnableFullDuplex()
	}
	t.ctx, t.cancel = context.WithCancelCause(in.Context())
	t.request = proxy.Request{Method: in.Method, Header: in.Header, Cancel: t.cutOff}
	if addr, err := netip.ParseAddrPort(in.RemoteAddr); err == nil {
		t.request.Remote = addr
		t.remote, _, _ = net.SplitHostPort(in.RemoteAddr)
	}
	return t
}

// cutOff cancels the request, without waiting for anything. A client that does not
// read, or does not send, must not keep it alive: its connection gets a deadline.
func (t *transit) cutOff(cause error) {
	t.cancel(cause)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		t.cutting = true
		deadline := time.Now().Add(lastWords)
		_ = t.client.SetWriteDeadline(deadline)
		_ = t.client.SetReadDeadline(deadline)
	}
}

// finish ends a whole answer. What the client still sends of its body is waited for
// briefly, so that it comes to read the answer; a client that waits to be asked for
// its body is not.
func (t *transit) finish() {
	wait := lastWords
	if t.body.unread() {
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
	unread := t.body.unread()
	t.mu.Lock()
	t.over = true
	if t.cutting {
		_ = t.client.SetReadDeadline(time.Time{})
		_ = t.client.SetWriteDeadline(time.Time{})
	}
	t.mu.Unlock()
	if unread {
		_ = t.client.SetReadDeadline(time.Now().Add(wait))
		_ = t.in.Body.Close()
	}
}

// carry takes the request to a module and its answer back.
func (t *transit) carry() ending {
	if strings.EqualFold(t.in.Method, http.MethodConnect) {
		return t.refuseTunnel()
	}
	if err := t.address(); err != nil {
		return t.refuse(err)
	}
	for attempt := 1; ; attempt++ {
		exchange, err := t.e.cfg.Director.Direct(t.ctx, &t.request)
		if err != nil {
			return t.refuse(err)
		}
		if attempt == 1 {
			t.prepare()
		}
		end, again := t.try(exchange, attempt < attempts)
		if !again {
			return end
		}
		t.request.Failed = exchange.Target()
		t.e.counters.retried.Add(1)
	}
}

// address finds the one spelling of where the request goes.
func (t *transit) address() (err error) {
	if t.request.Host, err = proxy.CleanHost(t.in.Host); err != nil {
		return err
	}
	path := t.in.URL.EscapedPath()
	if path == "" {
		path = "/" // "GET http://example.com HTTP/1.1"
	}
	t.request.Path, err = proxy.CleanPath(path)
	return err
}

// prepare makes the request to the module.
func (t *transit) prepare() {
	header := forwardHeader(t.in)
	setForwarded(header, t.in, t.remote)
	if t.upgrade != "" {
		header["Connection"] = []string{"Upgrade"}
		header["Upgrade"] = []string{t.upgrade}
	}
	// Opaque goes out as it stands.
	to := &url.URL{Scheme: "http", Host: upstreamHost, Opaque: t.request.Path,
		RawQuery: t.in.URL.RawQuery, ForceQuery: t.in.URL.ForceQuery}
	t.trace.Got1xxResponse = t.inform
	out := &http.Request{Method: t.in.Method, URL: to, Host: t.in.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if t.body != nil {
		out.Body, out.ContentLength, out.Trailer = t.body, t.in.ContentLength, t.body.trailer
	}
	t.out = out.WithContext(httptrace.WithClientTrace(t.ctx, &t.trace))
}

// try makes one attempt. It asks for another where nothing was sent and may is true.
func (t *transit) try(exchange proxy.Exchange, may bool) (end ending, again bool) {
	t.exchange, t.began, t.outcome, t.settled = exchange, time.Now(), proxy.Outcome{}, false
	defer t.settle() // whatever happens, also a panic of ours
	res, err := t.e.transport(exchange.Target()).RoundTrip(t.out)
	if _, unreached := errors.AsType[*dialError](err); unreached && !lacking(err) && may && t.ctx.Err() == nil {
		t.outcome.Class, t.outcome.Err = proxy.ClassTransport, err
		return whole, true
	}
	t.informing.Lock()
	t.answered = true
	t.informing.Unlock()
	if err == nil {
		return t.answer(res), false
	}
	t.failed(err)
	return t.apologise(), false
}

// settle reports the outcome, once, and before the client sees the end of its answer:
// what it has got has been counted.
func (t *transit) settle() {
	if t.settled {
		return
	}
	t.settled = true
	t.outcome.Duration = time.Since(t.began)
	t.outcome.BytesIn += t.body.bytes()
	t.exchange.Done(t.outcome)
}

// failed notes why the module's answer did not come, or not wholly.
func (t *transit) failed(err error) {
	t.outcome.Err = err
	cause := context.Cause(t.ctx)
	timeout, isNet := errors.AsType[net.Error](err)
	_, unreached := errors.AsType[*dialError](err)
	switch {
	case errors.Is(cause, proxy.ErrDraining):
		t.outcome.Class, t.outcome.Err = proxy.ClassDrained, cause
	case errors.Is(cause, proxy.ErrTimeout):
		t.outcome.Class, t.outcome.Err = proxy.ClassTimeout, cause
	case t.ctx.Err() != nil, t.body.broken(), errors.Is(err, errClientWrite):
		t.outcome.Class = proxy.ClassClientGone
	case unreached && lacking(err):
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
