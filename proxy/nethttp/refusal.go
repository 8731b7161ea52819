package nethttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
)

// refusal is an answer of the engine's own. It says which module and why, in words
// for whoever sent the request, and nothing of what is inside.
type refusal struct {
	Status     int    `json:"status"`
	Error      string `json:"error"` // one of a few words, for programs
	Module     string `json:"module,omitempty"`
	Message    string `json:"message"`
	retryAfter time.Duration
}

// refuse answers a request that no target was found for.
func (t *transit) refuse(err error) ending {
	address, isAddress := errors.AsType[*proxy.AddressError](err)
	none, isNone := errors.AsType[*proxy.NoTargetError](err)
	switch {
	case isAddress:
		return t.say(refusal{Status: http.StatusBadRequest, Error: "bad-address",
			Message: "the request's " + address.Error()})
	case errors.Is(err, proxy.ErrNoRoute):
		return t.say(refusal{Status: http.StatusNotFound, Error: "no-route",
			Message: "no module serves this address"})
	case isNone && none.Preview:
		return t.say(refusal{Status: http.StatusServiceUnavailable, Error: "no-target", Module: none.Module,
			Message:    fmt.Sprintf("module %s has no candidate to preview", none.Module),
			retryAfter: max(none.RetryAfter, time.Second)})
	case isNone && none.OverQuota:
		return t.say(refusal{Status: http.StatusServiceUnavailable, Error: "over-quota", Module: none.Module,
			Message:    fmt.Sprintf("module %s has as many requests in flight as it may", none.Module),
			retryAfter: max(none.RetryAfter, time.Second)})
	case isNone:
		return t.say(refusal{Status: http.StatusServiceUnavailable, Error: "no-target", Module: none.Module,
			Message:    fmt.Sprintf("module %s has nothing running that could answer", none.Module),
			retryAfter: max(none.RetryAfter, time.Second)})
	case errors.Is(err, proxy.ErrNoTarget):
		return t.say(refusal{Status: http.StatusServiceUnavailable, Error: "no-target",
			Message: "nothing is running that could answer", retryAfter: time.Second})
	case errors.Is(err, proxy.ErrDraining):
		return t.say(refusal{Status: http.StatusServiceUnavailable, Error: "draining",
			Message: "the server is shutting down", retryAfter: time.Second})
	case t.in.Context().Err() != nil:
		return broken // nobody is there to be told
	case errors.Is(err, proxy.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return t.say(refusal{Status: http.StatusGatewayTimeout, Error: "timeout",
			Message: "the request took too long"})
	}
	t.e.cfg.Logger.Error("request not directed", zap.Error(err))
	return t.say(refusal{Status: http.StatusInternalServerError, Error: "internal",
		Message: "the request could not be directed to a module"})
}

// refuseTunnel answers a CONNECT: what a client sends after it is no request, so the
// connection ends.
func (t *transit) refuseTunnel() ending {
	t.w.Header().Set("Connection", "close")
	return t.say(refusal{Status: http.StatusNotImplemented, Error: "no-tunnels",
		Message: "this server opens no tunnels"})
}

// apologise answers for a module that did not.
func (t *transit) apologise() ending {
	t.settle()
	module := t.exchange.Target().Labels().Module
	if t.outcome.Class == proxy.ClassHost { // not the release's answer in any sense
		return t.say(refusal{Status: http.StatusServiceUnavailable, Error: "host-error", Module: module,
			Message: "the server is out of resources for the moment", retryAfter: time.Second})
	}
	t.setRelease(t.w.Header())
	switch t.outcome.Class {
	case proxy.ClassTimeout:
		return t.say(refusal{Status: http.StatusGatewayTimeout, Error: "timeout", Module: module,
			Message: fmt.Sprintf("module %s did not answer in time", module)})
	case proxy.ClassDrained:
		return t.say(refusal{Status: http.StatusServiceUnavailable, Error: "draining", Module: module,
			Message:    fmt.Sprintf("module %s was being replaced and had no more time to answer", module),
			retryAfter: time.Second})
	case proxy.ClassClientGone:
		if t.in.Context().Err() != nil {
			return broken
		}
		return t.say(refusal{Status: http.StatusBadRequest, Error: "bad-body", Module: module,
			Message: "the request's body broke off or is malformed"})
	}
	message := "module %s broke off before it answered"
	if _, unreached := errors.AsType[*dialError](t.outcome.Err); unreached {
		message = "module %s could not be reached"
	}
	return t.say(refusal{Status: http.StatusBadGateway, Error: "no-answer", Module: module,
		Message: fmt.Sprintf(message, module)})
}

// say answers by ourselves, as JSON where the client asks for it and in plain text
// otherwise.
func (t *transit) say(r refusal) ending {
	t.e.counters.answered(r.Status)
	h := t.w.Header()
	body := []byte(fmt.Sprintf("%d %s: %s\n", r.Status, http.StatusText(r.Status), r.Message))
	contentType := "text/plain; charset=utf-8"
	if wantsJSON(t.in.Header) {
		body, _ = json.Marshal(r) // strings and numbers alone: it cannot fail
		body = append(body, '\n')
		contentType = "application/json"
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(r.retryAfter.Seconds()))))
	}
	if t.body.unread() {
		h.Set("Connection", "close") // the rest of the body must not be taken for a request
	}
	t.w.WriteHeader(r.Status)
	if _, err := t.w.Write(body); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		return broken
	}
	// Out before the end: a shutdown closes the connection right after it.
	if t.client.Flush() != nil {
		return broken
	}
	return whole
}

// wantsJSON reports whether Accept names JSON, in whatever dress.
func wantsJSON(h http.Header) bool {
	for _, accept := range h["Accept"] {
		for item := range strings.SplitSeq(accept, ",") {
			media, _, _ := strings.Cut(item, ";")
			media = strings.ToLower(strings.TrimSpace(media))
			if media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json") {
				return true
			}
		}
	}
	return false
}
