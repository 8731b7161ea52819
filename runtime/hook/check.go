package hook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
)

// Check makes one request over a connection that dial opens, and blocks until it is
// answered or ctx ends; ctx needs a deadline. host is the request's Host; empty is
// "localhost". Nil is the status that the check expects. A redirect is an answer like
// others.
//
// A module.Error says what came instead. It is of kind Invalid where the answer is
// another, or the module cut the connection; Timeout where ctx's deadline was first; and
// Unavailable where ctx was cancelled, with the cause in the chain. What dial fails with
// keeps its own kind, and is Unavailable where it has none.
func Check(ctx context.Context, dial func(ctx context.Context) (net.Conn, error), host string, check policy.Check) error {
	method := cmp.Or(check.Method, http.MethodGet)
	what := method + " " + check.Path
	req, err := request(ctx, method, cmp.Or(host, "localhost"), check.Path)
	if err != nil {
		return &module.Error{Kind: module.Unavailable, Field: "checks", Value: what, Msg: "is no request", Hint: "write it as GET /path 200"}
	}
	conn, err := dial(ctx)
	if err != nil {
		return undialled(ctx, what, err)
	}
	defer conn.Close()
	transport := &http.Transport{
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		DialContext:            func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return unanswered(ctx, what, err)
	}
	defer resp.Body.Close()
	if check.Status == resp.StatusCode || check.Status == 0 && resp.StatusCode < 400 {
		return nil
	}
	expected := "a status below 400"
	if check.Status != 0 {
		expected = strconv.Itoa(check.Status)
	}
	late := time.AfterFunc(forWords, func() { _ = conn.Close() })
	defer late.Stop()
	return &module.Error{Kind: module.Invalid, Msg: with(
		fmt.Sprintf("%s answered %d, expected %s", what, resp.StatusCode, expected),
		told(firstLine(resp.Body)))}
}

// request is that of a check. The path is the whole of what an operator writes of it.
func request(ctx context.Context, method, host, path string) (*http.Request, error) {
	to, err := url.ParseRequestURI(path)
	if err != nil {
		return nil, err
	}
	if to.IsAbs() || path[0] != '/' {
		return nil, errors.New("no path")
	}
	to.Scheme, to.Host = "http", host
	req, err := http.NewRequestWithContext(ctx, method, to.String(), nil)
	if err != nil {
		return nil, err
	}
	req.URL = to // as it was written, "//" and all
	req.Header.Set("User-Agent", "segue-check")
	return req, nil
}

// undialled is the error of a check that got no connection.
func undialled(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return cutOff(ctx, what)
	}
	e := &module.Error{Kind: module.Unavailable, Msg: what + " got no connection", Err: err}
	if known, ok := errors.AsType[*module.Error](err); ok {
		e.Kind = known.Kind
	}
	return e
}

// unanswered is the error of a check that got a connection and no answer.
func unanswered(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return cutOff(ctx, what)
	}
	return &module.Error{Kind: module.Invalid, Msg: with(what+" got no answer", told(err.Error()))}
}

// cutOff is the error of a check that ctx's end was before.
func cutOff(ctx context.Context, what string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return module.Errorf(module.Timeout, "%s got no answer in time", what)
	}
	return &module.Error{Kind: module.Unavailable, Msg: what + " was given up", Err: context.Cause(ctx)}
}
