package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/segue-run/segue/runtime/module"
)

// ProblemType is the media type of an error.
const ProblemType = "application/problem+json"

// Problem is an error as the API answers it (RFC 9457), with the kind, the field
// and the remedy of a module.Error.
type Problem struct {
	Type   string      `json:"type"` // always "about:blank": Kind says which
	Title  string      `json:"title"`
	Status int         `json:"status"`
	Detail string      `json:"detail"` // what is wrong, for people
	Kind   module.Kind `json:"kind"`
	Field  string      `json:"field,omitempty"`
	Value  string      `json:"value,omitempty"`
	Hint   string      `json:"hint,omitempty"` // what to do
}

// ProblemOf is err as a problem. The status follows from its kind.
func ProblemOf(err error) Problem {
	kind := module.KindOf(err)
	p := Problem{Kind: kind, Detail: err.Error()}
	known, ok := errors.AsType[*module.Error](err)
	switch {
	case ok:
		p.Field, p.Value, p.Hint = known.Field, known.Value, known.Hint
		bare := *known
		bare.Field, bare.Value, bare.Hint = "", "", ""
		around, _ := strings.CutSuffix(err.Error(), known.Error())
		p.Detail = around + bare.Error()
	case errors.Is(err, context.DeadlineExceeded):
		p.Kind = module.Timeout
	}
	return p.withStatus(statusOf(p.Kind))
}

// Err is the problem as the error it was made from.
func (p Problem) Err() *module.Error {
	return &module.Error{Kind: p.Kind, Field: p.Field, Value: p.Value, Msg: p.Detail, Hint: p.Hint}
}

func (p Problem) withStatus(status int) Problem {
	p.Type, p.Title, p.Status = "about:blank", http.StatusText(status), status
	return p
}

// statusOf is the one place where a kind becomes an HTTP status.
func statusOf(kind module.Kind) int {
	switch kind {
	case module.Invalid:
		return http.StatusBadRequest
	case module.NotFound:
		return http.StatusNotFound
	case module.Conflict:
		return http.StatusConflict
	case module.Denied:
		return http.StatusForbidden
	case module.Quota:
		return http.StatusTooManyRequests
	case module.Unavailable:
		return http.StatusServiceUnavailable
	case module.Timeout:
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}

// statusError is an error of HTTP itself, whose status its kind cannot say.
type statusError struct {
	status int
	err    *module.Error
}

func (e *statusError) Error() string { return e.err.Error() }

func (e *statusError) Unwrap() error { return e.err }

func problemOf(err error) Problem {
	p := ProblemOf(err)
	if ours, ok := errors.AsType[*statusError](err); ok {
		return p.withStatus(ours.status)
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return p.withStatus(http.StatusRequestEntityTooLarge)
	}
	return p
}
