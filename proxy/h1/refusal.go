package h1

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/guard"
	"github.com/segue-run/segue/proxy/h1/wire"
	"github.com/segue-run/segue/proxy/page"
)

// refuse answers a request that no target was found for.
func (t *transit) refuse(err error) ending {
	if t.isGone() {
		return broken // nobody is there to be told
	}
	if cause := t.ctx.ended(); cause != nil {
		err = cause
	}
	p, known := page.Refusal(err)
	if !known {
		t.e.cfg.Logger.Error("request not directed", zap.Error(err))
	}
	return t.say(p)
}

// refuseBody answers a request whose body is known to be too long.
func (t *transit) refuseBody() ending {
	t.outcome.Class, t.outcome.Err = proxy.ClassClientGone, errBodyLong
	t.conclude()
	return t.say(page.TooLarge(t.request.Route.Module, t.body.most))
}

// apologise answers for a module that did not.
func (t *transit) apologise() ending {
	t.conclude()
	class := t.outcome.Class
	if class == proxy.ClassClientGone && t.isGone() {
		return broken
	}
	_, unreached := errors.AsType[*dialError](t.outcome.Err)
	p := page.Failure(class, t.exchange.Target().Labels().Module, unreached)
	if class == proxy.ClassClientGone && t.body.broken() {
		switch {
		case errors.Is(t.body.fault, errBodyLong):
			p = page.TooLarge(t.request.Route.Module, t.body.most)
		case errors.Is(t.body.fault, errLate):
			p = page.Of(408, "", "")
		}
	}
	t.excuses = class != proxy.ClassHost // which is not the release's answer in any sense
	return t.say(p)
}

// say answers by ourselves.
func (t *transit) say(p page.Page) ending {
	t.e.counters.answered(p.Status)
	p.Request, t.refused, t.status = t.request.ID, p.Error, p.Status
	t.closes = t.closes || t.unread() || t.e.closing.Load()
	if t.out == nil {
		t.out = take(outBuffers)
	}
	body := t.appendPage(p)
	t.o = append(t.appendConnection(t.o), "\r\n"...)
	if t.head.Method != "HEAD" {
		t.o = append(t.o, body...)
	}
	if t.flush() != nil {
		return broken
	}
	if t.closes {
		return ends
	}
	return goesOn
}

// appendPage appends the head of a page, but for its end, and gives the body.
func (t *transit) appendPage(p page.Page) (body []byte) {
	t.o = t.e.date.append(wire.AppendStatus(t.out.b[:0], p.Status), time.Now())
	if t.excuses {
		t.o = t.appendRelease(t.o)
	}
	t.o = wire.AppendField(t.o, "X-Request-Id", t.request.ID)
	contentType, body := p.Render((*fields)(t.head).Values("Accept")...)
	t.o = appendPageFields(t.o, p, contentType, len(body))
	return body
}

func appendPageFields(out []byte, p page.Page, contentType string, length int) []byte {
	out = wire.AppendField(out, "Content-Type", contentType)
	out = appendLength(out, int64(length))
	out = append(out, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"...)
	if seconds := p.RetrySeconds(); seconds > 0 {
		out = appendNumber(out, "Retry-After: ", seconds)
	}
	return out
}

// sayOptions answers for the server as a whole, which has none (RFC 9110, 9.3.7).
func (t *transit) sayOptions() ending {
	t.status, t.refused = 200, "options"
	t.closes = t.closes || t.unread() || t.e.closing.Load()
	t.out = take(outBuffers)
	t.o = t.e.date.append(wire.AppendStatus(t.out.b[:0], 200), time.Now())
	t.o = append(t.appendConnection(appendLength(t.o, 0)), "\r\n"...)
	if t.flush() != nil {
		return broken
	}
	if t.closes {
		return ends
	}
	return goesOn
}

// refuseHead answers what is no request, and ends the connection.
func (c *conn) refuseHead(status int, message string) {
	c.e.counters.requests.Add(1)
	c.e.counters.answered(status)
	began := time.Now()
	p := page.Of(status, "", message)
	peer := &c.pc.Peer
	request := &proxy.Request{Remote: peer.Addr, Client: peer.Addr.Addr().Unmap(), Secure: peer.Secure, ID: guard.NewID(),
		Header: new(fields), Cancel: func(error) {}, GoAway: func() {}}
	p.Request = request.ID
	out := c.e.date.append(wire.AppendStatus(nil, status), began)
	out = wire.AppendField(out, "X-Request-Id", p.Request)
	contentType, body := p.Render()
	out = appendPageFields(out, p, contentType, len(body))
	out = append(append(out, "Connection: close\r\n\r\n"...), body...)
	c.writeDue.set(c.e.after(lastWords))
	_, err := c.Write(out)
	if c.writeDue.met() && err == nil {
		c.linger()
	}
	if log := c.e.cfg.Log; log != nil {
		log(&proxy.Entry{Request: request, Protocol: "HTTP/1.1", Status: status, Refused: p.Error, Began: began, Duration: time.Since(began)})
	}
}
