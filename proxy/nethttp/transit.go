package nethttp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
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
	client http.ResponseController
	in     *http.Request
	ctx    context.Context
	cancel context.CancelCauseFunc

	request proxy.Request
	remote  string // the peer's IP address, may be empty
	upgrade string // the protocol that the client asks to change to
	body    *clientBody
	kept    *keeper       // nil where the body is not kept
	reading *reading      // of kept, this attempt's
	out     *http.Request // to the module

	exchange proxy.Exchange
	began    time.Time
	outcome  proxy.Outcome
	settled  bool     // the exchange is done
	asked    bool     // whether the request may be replayed
	tap      *tapped  // nil for none
	attempt  *attempt // nil where it cannot be ended by itself
	signals  *signals // of this attempt
	first    signals  // of the first one

	informing sync.Mutex // held while an informational answer is written
	informed  int        // how many came
	hinted    int        // bytes of their heads

	mu      sync.Mutex // never held while anything is written
	cutting bool       // deadlines are set on the client's connection
	over    bool       // too late for them
}

func newTransit(e *Engine, w http.ResponseWriter, in *http.Request) *transit {
	t := &transit{e: e, w: w, client: *http.NewResponseController(w), in: in,
		upgrade: upgradeOf(in.Header), body: newClientBody(in)}
	if t.body != nil {
		// The module may answer before it has read everything; not every
		// ResponseWriter has the choice.
		_ = t.client.EnableFullDuplex()
	}
	t.ctx, t.cancel = context.WithCancelCause(in.Context())
	t.request = proxy.Request{Method: in.Method, Authority: in.Host, Query: in.URL.RawQuery, Header: in.Header,
		Secure: in.TLS != nil, ID: "-", Cancel: t.cutOff, GoAway: func() {}}
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
	var exchange proxy.Exchange
	for attempt := 1; ; attempt++ {
		if exchange == nil {
			var err error
			if exchange, err = t.e.cfg.Director.Direct(t.ctx, &t.request); err != nil {
				return t.refuse(err)
			}
		}
		if attempt == 1 {
			t.prepare()
		}
		end, next := t.try(exchange, attempt < attempts)
		switch {
		case next == nil:
			return end
		case next == exchange:
			t.request.Failed = exchange.Target()
			t.e.counters.retried.Add(1)
			exchange = nil
		default:
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
	t.signals = &t.first
	t.out = (&http.Request{Method: t.in.Method, URL: to, Host: t.in.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(t.signals.listen(t))
	if t.body != nil {
		t.out.Body, t.out.ContentLength, t.out.Trailer = t.body, t.in.ContentLength, t.body.trailer
	}
}

// begin begins an attempt.
func (t *transit) begin(exchange proxy.Exchange) {
	t.exchange, t.began, t.outcome, t.settled = exchange, time.Now(), proxy.Outcome{}, false
	t.signals.begin(exchange)
	t.attempt = nil
	if t.asked { // a replay, while the first module's transport may be reading still
		t.tap = nil
		if t.kept != nil {
			t.reading = t.kept.restart()
		}
	} else {
		t.tap = tapOf(exchange.Tap())
		t.keep(exchange.Keep())
	}
	t.pace()
}

// keep keeps most bytes of the body, if that is enough, so that the request can be sent
// again, and taken back.
func (t *transit) keep(most int64) {
	t.kept, t.reading = nil, nil
	if t.body != nil {
		t.body.tap = t.tap
	}
	if most == 0 || t.in.ContentLength > most {
		return
	}
	if t.body != nil {
		t.kept = newKeeper(t.body, &t.e.memory, most)
		t.reading = t.kept.current
	}
	t.attempt = t.newAttempt()
	t.exchange.OnRecall(t.attempt.back)
}

// pace bounds how long the module may take for each piece of the body.
func (t *transit) pace() {
	if t.body == nil {
		return
	}
	body, stop := io.ReadCloser(t.body), t.cancel
	if t.reading != nil {
		body = t.reading
	}
	if t.attempt != nil {
		stop = t.attempt.cancel
	}
	t.signals.paced = &paced{body: body, limit: t.e.cfg.Timeouts.Answer, late: func() { stop(proxy.ErrTimeout) }}
	t.out.Body = t.signals.paced
}

// try makes one attempt. Where that is not the end it gives the exchange to go on with:
// the same one, if nothing was sent to its target, may is true and another is to be
// asked for; or the one that takes the place of a failure.
func (t *transit) try(exchange proxy.Exchange, may bool) (end ending, next proxy.Exchange) {
	defer t.settle() // whatever happens, also a panic of ours
	t.begin(exchange)
	res, err := t.e.transport(exchange.Target()).RoundTrip(t.out)
	t.signals.paced.stop(true)
	taken := t.attempt.end()
	if _, unreached := errors.AsType[*dialError](err); unreached && !taken && !proxy.HostLacks(err) && may && t.ctx.Err() == nil {
		t.outcome.Class, t.outcome.Err = proxy.ClassTransport, err
		return whole, exchange
	}
	t.hush()
	t.outcome.Wait = t.signals.wait()
	switch {
	case err == nil && taken: // at the same moment
		res.Body.Close()
		err = proxy.ErrRecalled
	case err == nil:
		err = t.check(res)
	}
	if err != nil {
		t.failed(err)
	}
	if next = t.replay(res, err); next != nil {
		return whole, next
	}
	if t.kept != nil {
		t.kept.settle()
	}
	switch {
	case err != nil:
		return t.apologise(), nil
	case res.StatusCode == http.StatusSwitchingProtocols:
		return t.tunnel(res), nil
	}
	return t.answer(res), nil
}

// check refuses an answer that is none. A refused one is closed.
func (t *transit) check(res *http.Response) error {
	err := error(nil)
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols:
		t.outcome.Status = res.StatusCode
		if _, ok := res.Body.(io.ReadWriteCloser); !ok || t.upgrade == "" || upgradeOf(res.Header) != t.upgrade {
			err = errUpgrade
		}
	case res.StatusCode < http.StatusOK:
		err = errStatus
	default:
		t.outcome.Status = res.StatusCode
	}
	if err != nil {
		res.Body.Close()
	}
	return err
}

// replay asks for an exchange in place of a failure, or of what was taken back, of
// which the client has got nothing. Where there is one, the module's answer is thrown away unread, and its
// connection with it: to wait for the rest could take as long as the module likes.
func (t *transit) replay(res *http.Response, err error) proxy.Exchange {
	o := t.outcome
	if err == nil && res.StatusCode >= http.StatusInternalServerError {
		o.Class = proxy.ClassServerError
	}
	failed := o.Class.Failed() || errors.Is(o.Err, proxy.ErrRecalled)
	if t.asked || err == nil && o.Class != proxy.ClassServerError || !failed || t.ctx.Err() != nil {
		return nil
	}
	t.asked = true
	o.Unkept = t.body != nil && (t.kept == nil || !t.kept.hold())
	next := t.exchange.Replay(o)
	if next == nil || o.Unkept {
		return nil
	}
	t.outcome = o
	if err == nil {
		res.Body.Close()
	}
	return next
}

// settle reports the outcome, once, and before the client sees the end of its answer:
// what it has got has been counted.
func (t *transit) settle() {
	if t.settled {
		return
	}
	t.settled = true
	t.outcome.Duration = time.Since(t.began)
	if t.reading != nil {
		t.outcome.BytesIn += t.reading.at.Load()
	} else {
		t.outcome.BytesIn += t.body.bytes()
	}
	t.tap.end(t.outcome.Reached && t.outcome.Class != proxy.ClassUnknown && t.outcome.Err == nil)
	t.exchange.Done(t.outcome)
}

// failed notes why the module's answer did not come, or not wholly.
func (t *transit) failed(err error) {
	t.outcome.Err = err
	cause := context.Cause(t.out.Context()) // the attempt's own, or the request's
	timeout, isNet := errors.AsType[net.Error](err)
	_, unreached := errors.AsType[*dialError](err)
	switch {
	case errors.Is(cause, proxy.ErrDraining), errors.Is(cause, proxy.ErrRecalled):
		t.outcome.Class, t.outcome.Err = proxy.ClassDrained, cause
	case errors.Is(cause, proxy.ErrTimeout):
		t.outcome.Class, t.outcome.Err = proxy.ClassTimeout, cause
	case t.ctx.Err() != nil, t.body.broken(), errors.Is(err, errClientWrite):
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
