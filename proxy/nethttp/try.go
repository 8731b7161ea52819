package nethttp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/carry"
)

// idle is what of a module stands still: the answer, unless the request moves.
type idle struct {
	alarm
	limit atomic.Int64 // a duration; the transport may read a body while the answer sets it
}

// begin begins an attempt.
func (t *transit) begin(exchange proxy.Exchange) {
	t.exchange, t.tried, t.outcome, t.settled = exchange, time.Now(), proxy.Outcome{}, false
	t.signals.begin(exchange)
	t.attempt = nil
	if t.replayAsked { // a replay, while the first module's transport may be reading still
		t.tap = nil
		if t.kept != nil {
			t.reading = t.kept.restart()
		}
	} else {
		t.tap = carry.NewTap(exchange.Tap())
		t.keep(exchange.Keep())
	}
	t.start = t.body.bytes()
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
		t.kept = newKeeper(t.body, t.e.memory, most)
		t.reading = t.kept.current
	}
	t.attempt = t.newAttempt()
	t.exchange.OnRecall(t.attempt.back)
}

// taken is how much of the body was read in this attempt.
func (t *transit) taken() int64 {
	if t.reading != nil {
		return t.reading.at.Load()
	}
	return t.body.bytes() - t.start
}

// pace bounds how long the module may take for each piece of the body, and to answer.
func (t *transit) pace() {
	p := &paced{limit: t.timeouts.Answer}
	stop := t.cancel
	if t.attempt != nil {
		stop = t.attempt.cancel
	}
	p.late = func() { stop(proxy.ErrTimeout) }
	t.signals.paced = p
	switch {
	case t.reading != nil:
		p.body, t.out.Body = t.reading, p
	case t.body != nil:
		p.body, t.out.Body = t.body, p
	case t.grpc:
		// One without a body could be sent a second time by the transport.
		p.body, t.out.Body, t.out.ContentLength = eof{}, p, -1
	}
}

// eof is a body that is empty.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// try makes one attempt. Where that is not the end it gives the exchange to go on with:
// the same one, if nothing was sent to its target, may is true and another is to be
// asked for; or the one that takes the place of a failure.
func (t *transit) try(exchange proxy.Exchange, may bool) (end ending, next proxy.Exchange) {
	defer t.settle() // whatever happens, also a panic of ours
	t.begin(exchange)
	res, err := t.send(exchange.Target())
	t.signals.paced.end()
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
	case namesTooMuch(res.Header):
		t.outcome.Status = res.StatusCode
		err = proxy.ErrNamed
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
// which the client has got nothing. Where there is one, the module's answer is thrown
// away unread, and its connection with it: to wait for the rest could take as long as the
// module likes.
func (t *transit) replay(res *http.Response, err error) proxy.Exchange {
	o := t.outcome
	if err == nil && fails(res) {
		o.Class = proxy.ClassServerError
	}
	failed := o.Class.Failed() || errors.Is(o.Err, proxy.ErrRecalled)
	if t.replayAsked || err == nil && o.Class != proxy.ClassServerError || !failed || t.ctx.Err() != nil {
		return nil
	}
	t.replayAsked = true
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

// fails reports whether the head of an answer says already that it is a failure.
func fails(res *http.Response) bool {
	return res.StatusCode >= http.StatusInternalServerError || res.Header["Grpc-Status"] != nil && classOf(res) == proxy.ClassServerError
}

// settle reports the outcome, once, and before the client sees the end of its answer:
// what it has got has been counted.
func (t *transit) settle() {
	if t.settled {
		return
	}
	t.settled = true
	t.release()
	t.outcome.Duration = time.Since(t.tried)
	if t.reading != nil {
		t.outcome.BytesIn += t.reading.at.Load()
	} else {
		t.outcome.BytesIn += t.body.bytes()
	}
	t.tap.End(t.outcome.Reached && t.outcome.Class != proxy.ClassUnknown && t.outcome.Err == nil)
	t.exchange.Done(t.outcome)
}

// lackEvery is how often the log says that the host lacks something.
const lackEvery = 5 * time.Second

// failed notes why the module's answer did not come, or not wholly.
func (t *transit) failed(err error) {
	t.outcome.Err = err
	cause := context.Cause(t.out.Context()) // the attempt's own, or the request's
	timeout, isNet := errors.AsType[net.Error](err)
	_, unreached := errors.AsType[*dialError](err)
	switch {
	case errors.Is(cause, errAway), errors.Is(err, errAway):
		t.outcome.Class, t.outcome.Err = proxy.ClassDrained, errAway
	case errors.Is(cause, proxy.ErrDraining), errors.Is(cause, proxy.ErrRecalled):
		t.outcome.Class, t.outcome.Err = proxy.ClassDrained, cause
	case errors.Is(cause, errSlow):
		t.outcome.Class, t.outcome.Err = proxy.ClassClientGone, cause
	case errors.Is(cause, proxy.ErrTimeout) && t.long: // nobody had anything to say
		t.outcome.Class, t.outcome.Err = proxy.ClassDrained, cause
	case errors.Is(cause, proxy.ErrTimeout):
		t.outcome.Class, t.outcome.Err = proxy.ClassTimeout, cause
	case t.ctx.Err() != nil, t.body.broken(), errors.Is(err, errClientWrite):
		t.outcome.Class = proxy.ClassClientGone
	case unreached && proxy.HostLacks(err):
		t.outcome.Class = proxy.ClassHost
		if t.e.lack.Due(lackEvery) {
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
