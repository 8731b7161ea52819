package h1

import (
	"errors"
	"net"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/h1/wire"
)

var (
	// errUpgrade is a module that changed to a protocol it was not asked for.
	errUpgrade = errors.New("module changed to another protocol than was asked for")
	// errClientWrite marks a failure on the client's side of an answer.
	errClientWrite = errors.New("client does not take the answer")
)

// check refuses an answer that is none.
func (t *transit) check(res *wire.Response) error {
	t.outcome.Status = res.Status
	if _, ok := namedBy(res.Fields); !ok {
		return proxy.ErrNamed
	}
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
	if t.replayAsked || err == nil && o.Class != proxy.ClassServerError || !failed || t.ctx.ended() != nil {
		return nil
	}
	t.replayAsked = true
	o.Unkept = t.body != nil && (t.kept == nil || !t.kept.hold())
	next := t.exchange.Replay(o)
	if next == nil || o.Unkept {
		return nil
	}
	t.outcome = o
	return next
}

// conclude is settle for the last exchange: what it is told from now on does nothing.
func (t *transit) conclude() {
	t.mu.Lock()
	t.done = true
	t.mu.Unlock()
	t.settle()
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
	defer t.exchange.Done(t.outcome) // also where the tap panics
	t.tap.End(t.outcome.Reached && t.outcome.Class != proxy.ClassUnknown && t.outcome.Err == nil)
}

// lackEvery is how often the log says that the host lacks something.
const lackEvery = 5 * time.Second

// failed notes why the module's answer did not come, or not wholly.
func (t *transit) failed(err error) {
	t.outcome.Err = err
	cause := t.attempt.why()
	timeout, isNet := errors.AsType[net.Error](err)
	_, unreached := errors.AsType[*dialError](err)
	switch {
	case errors.Is(cause, proxy.ErrDraining), errors.Is(cause, proxy.ErrRecalled):
		t.outcome.Class, t.outcome.Err = proxy.ClassDrained, cause
	case errors.Is(cause, proxy.ErrTimeout) && t.long.Load(): // nobody had anything to say
		t.outcome.Class, t.outcome.Err = proxy.ClassDrained, cause
	case errors.Is(cause, proxy.ErrTimeout):
		t.outcome.Class, t.outcome.Err = proxy.ClassTimeout, cause
	case errors.Is(cause, errPanic):
		t.outcome.Class, t.outcome.Err = proxy.ClassUnknown, cause
	case t.ctx.ended() != nil, t.body.broken(), errors.Is(err, errClientWrite):
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
