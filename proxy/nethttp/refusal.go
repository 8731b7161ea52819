package nethttp

import (
	"errors"
	"net/http"
	"strconv"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/page"
)

// refuse answers a request that no target was found for.
func (t *transit) refuse(err error) ending {
	p, known := page.Refusal(err)
	switch {
	case p.Error == "timeout" && t.in.Context().Err() != nil:
		return broken // nobody is there to be told
	case !known && t.in.Context().Err() != nil:
		return broken
	case !known:
		t.e.cfg.Logger.Error("request not directed", zap.Error(err))
	}
	return t.say(p)
}

// refuseTunnel answers a CONNECT: what a client sends after it is no request, so the
// connection ends.
func (t *transit) refuseTunnel() ending {
	if t.in.ProtoMajor == 1 {
		t.w.Header().Set("Connection", "close")
	}
	return t.say(page.NoTunnels())
}

// apologise answers for a module that did not.
func (t *transit) apologise() ending {
	t.settle()
	if t.outcome.Class == proxy.ClassClientGone && t.in.Context().Err() != nil {
		return broken
	}
	if t.outcome.Class != proxy.ClassHost { // not the release's answer in any sense
		t.setRelease(t.w.Header())
	}
	switch {
	case t.body != nil && t.body.tooLong.Load():
		return t.say(page.TooLarge(t.request.Route.Module, t.most()))
	case t.body != nil && t.body.slow.Load():
		return t.say(page.Of(http.StatusRequestTimeout, "", "the request's body came too slowly"))
	}
	_, unreached := errors.AsType[*dialError](t.outcome.Err)
	return t.say(page.Failure(t.outcome.Class, t.exchange.Target().Labels().Module, unreached))
}

// say answers by ourselves.
func (t *transit) say(p page.Page) ending {
	t.e.counters.answered(p.Status)
	t.refused = p.Error
	p.Request = t.request.ID
	h := t.w.Header()
	h[requestIDHeader] = []string{t.request.ID}
	if t.grpc {
		return t.sayGRPC(p)
	}
	contentType, body := p.Render(t.in.Header["Accept"]...)
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if seconds := p.RetrySeconds(); seconds > 0 {
		h.Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	if t.body.unread() && t.in.ProtoMajor == 1 {
		h.Set("Connection", "close") // the rest of the body must not be taken for a request
	}
	t.writeHead(p.Status)
	if _, err := t.w.Write(body); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		return broken
	}
	// Out before the end: a shutdown closes the connection right after it.
	if t.flush() != nil {
		return broken
	}
	return whole
}
