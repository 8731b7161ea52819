package policy

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// ParseMatch reads "POST /orders", or "/orders" for any method.
func ParseMatch(text string) (Match, error) {
	const hint = "write `POST /orders`, or the path alone for any method"
	method, path, both := strings.Cut(text, " ")
	if !both {
		method, path = "", text
	}
	if both && !isMethod(method) {
		return Match{}, wrong(text, "has no method before its path", hint)
	}
	path = strings.TrimLeft(path, " ")
	if !strings.HasPrefix(path, "/") {
		return Match{}, wrong(text, "has no path that begins with '/'", hint)
	}
	clean, err := manifest.CleanPath(path)
	if err != nil {
		return Match{}, of(text, err)
	}
	return Match{Method: method, Path: clean}, nil
}

// String is the match as ParseMatch reads it.
func (m Match) String() string {
	if m.Method == "" {
		return m.Path
	}
	return m.Method + " " + m.Path
}

// Covers reports whether a request is one of those that m selects: of its method, and
// at its path or below it, on segment borders.
func (m Match) Covers(method, path string) bool {
	if m.Method != "" && m.Method != method {
		return false
	}
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(m.Path, "/"))
	return ok && (rest == "" || rest[0] == '/')
}

// Covers reports whether stable may make a request good that the candidate failed:
// one that changes nothing, or of a route that the operator opted in.
func (s Shield) Covers(method, path string) bool {
	if s.Enabled == Off {
		return false
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	return anyCovers(s.Routes, method, path)
}

// Covers reports whether a request may be copied to the candidate.
func (m Mirror) Covers(method, path string) bool {
	if len(m.Matches) == 0 {
		return method == http.MethodGet || method == http.MethodHead
	}
	return anyCovers(m.Matches, method, path)
}

func anyCovers(all []Match, method, path string) bool {
	for _, m := range all {
		if m.Covers(method, path) {
			return true
		}
	}
	return false
}

// ParseCheck reads "GET /healthz 200"; without a method it is a GET, without a status
// it accepts any below 400.
func ParseCheck(text string) (Check, error) {
	const hint = "write `GET /healthz 200`: a method, a path and the status that is wanted"
	check := Check{Method: http.MethodGet}
	words := strings.Fields(text)
	if len(words) > 1 && !strings.HasPrefix(words[0], "/") {
		if check.Method, words = words[0], words[1:]; !isMethod(check.Method) {
			return Check{}, wrong(text, check.Method+" is no method", hint)
		}
	}
	if len(words) == 0 || len(words) > 2 {
		return Check{}, wrong(text, "is no check", hint)
	}
	if !strings.HasPrefix(words[0], "/") {
		return Check{}, wrong(text, "has no path that begins with '/'", hint)
	}
	path, query, _ := strings.Cut(words[0], "?")
	if _, err := manifest.CleanPath(path); err != nil {
		return Check{}, of(text, err)
	}
	if strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }) {
		return Check{}, wrong(text, "has a query that cannot be sent", "percent-encode what is special in it")
	}
	check.Path = words[0]
	if len(words) == 2 {
		status, err := strconv.Atoi(words[1])
		if err != nil || status < 200 || status > 599 {
			return Check{}, wrong(text, words[1]+" is no status of an answer", "write 200 to 599, or leave it out for any below 400")
		}
		check.Status = status
	}
	return check, nil
}

// String is the check as ParseCheck reads it.
func (c Check) String() string {
	if c.Status == 0 {
		return c.Method + " " + c.Path
	}
	return c.Method + " " + c.Path + " " + strconv.Itoa(c.Status)
}

// isMethod reports whether s is a method as HTTP clients write them.
func isMethod(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return s != "" && len(s) <= 20
}

// isToken reports whether s can be the name of a header.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= 100
}

// wrong is an error about a value.
func wrong(value, msg, hint string) error {
	return &module.Error{Kind: module.Invalid, Value: value, Msg: msg, Hint: hint}
}

// of is a manifest's error as one about a value that it is a part of.
func of(value string, err error) error {
	e := wrong(value, err.Error(), "").(*module.Error)
	if problem, ok := errors.AsType[*manifest.Error](err); ok {
		e.Msg, e.Hint = problem.Msg, problem.Hint
		if problem.Value != "" && problem.Value != value {
			e.Msg = problem.Value + " " + problem.Msg
		}
	}
	return e
}
