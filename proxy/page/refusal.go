package page

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/segue-run/segue/proxy"
)

// Refusal is the page for a request that a director has refused with err. known is false
// where err is none that a director is to give: somebody should read of it in the log.
func Refusal(err error) (p Page, known bool) {
	address, isAddress := errors.AsType[*proxy.AddressError](err)
	none, isNone := errors.AsType[*proxy.NoTargetError](err)
	limit, isLimit := errors.AsType[*proxy.LimitError](err)
	closed, isClosed := errors.AsType[*proxy.MaintenanceError](err)
	switch {
	case isAddress:
		return Page{Status: http.StatusBadRequest, Error: "bad-address", Message: "the request's " + address.Error()}, true
	case errors.Is(err, proxy.ErrNoRoute):
		return Page{Status: http.StatusNotFound, Error: "no-route", Message: "no module serves this address"}, true
	case isLimit:
		return ofLimit(limit), true
	case isClosed:
		return ofMaintenance(closed), true
	case isNone:
		return ofNoTarget(none), true
	case errors.Is(err, proxy.ErrNoTarget):
		return Page{Status: http.StatusServiceUnavailable, Error: "no-target", Message: "nothing is running that could answer", RetryAfter: time.Second}, true
	case errors.Is(err, proxy.ErrDraining):
		return Page{Status: http.StatusServiceUnavailable, Error: "draining", Message: "the server is shutting down", RetryAfter: time.Second}, true
	case errors.Is(err, proxy.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return Page{Status: http.StatusGatewayTimeout, Error: "timeout", Message: "the request took too long"}, true
	}
	return Page{Status: http.StatusInternalServerError, Error: "internal", Message: "the request could not be directed to a module"}, false
}

func ofNoTarget(e *proxy.NoTargetError) Page {
	p := Page{Status: http.StatusServiceUnavailable, Error: "no-target", Module: e.Module, RetryAfter: max(e.RetryAfter, time.Second),
		Message: fmt.Sprintf("module %s has nothing running that could answer", e.Module)}
	switch {
	case e.Preview:
		p.Message = fmt.Sprintf("module %s has no candidate to preview", e.Module)
	case e.OverQuota:
		p.Error, p.Message = "over-quota", fmt.Sprintf("module %s has as many requests in flight as it may", e.Module)
	case e.QueueFull:
		p.Error, p.Message = "queue-full", fmt.Sprintf("too many requests wait for module %s already", e.Module)
	}
	return p
}

func ofLimit(e *proxy.LimitError) Page {
	p := Page{Status: http.StatusTooManyRequests, Error: "too-many-requests", Module: e.Module, RetryAfter: max(e.RetryAfter, time.Second)}
	whose := "module " + e.Module
	if e.Route != "" {
		whose = "route " + pathOf(e.Route) + " of " + whose
	}
	p.Message = whose + " gets more requests than it may"
	switch {
	case e.Client:
		p.Error, p.Message = "too-many-of-client", "your address has sent "+whose+" more requests than it takes"
	case e.Concurrent:
		p.Error, p.Message = "too-many-at-once", whose+" has as many requests at a time as it may"
	}
	return p
}

// pathOf is the path of a route's pattern: hosts and conditions on headers are not for
// clients.
func pathOf(pattern string) string {
	_, path, _ := strings.Cut(pattern, "/")
	path, _, _ = strings.Cut(path, " ")
	return "/" + path
}

func ofMaintenance(e *proxy.MaintenanceError) Page {
	message := e.Message
	if message == "" {
		message = fmt.Sprintf("module %s is closed for maintenance", e.Module)
	}
	return Page{Status: http.StatusServiceUnavailable, Error: "maintenance", Module: e.Module, RetryAfter: e.RetryAfter, Message: message}
}
