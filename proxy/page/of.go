package page

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// usual is what is said of a status where nobody has better words.
var usual = map[int]struct{ word, message string }{
	http.StatusBadRequest:                  {"bad-request", "the request is malformed"},
	http.StatusRequestTimeout:              {"request-timeout", "the request did not come in time"},
	http.StatusRequestEntityTooLarge:       {"body-too-large", "the request's body is longer than it may be"},
	http.StatusRequestURITooLong:           {"address-too-long", "the request's address is longer than it may be"},
	http.StatusExpectationFailed:           {"unknown-expectation", "the request expects what this server does not know"},
	http.StatusTooManyRequests:             {"too-many-requests", "too many requests come from this address"},
	http.StatusRequestHeaderFieldsTooLarge: {"header-too-large", "the request's header is longer than it may be, or has too many lines"},
	http.StatusInternalServerError:         {"internal", "the server did not succeed"},
	http.StatusNotImplemented:              {"not-implemented", "the request asks for what this server cannot do"},
	http.StatusBadGateway:                  {"no-answer", "nobody answered"},
	http.StatusServiceUnavailable:          {"unavailable", "the server can do no more for the moment"},
	http.StatusGatewayTimeout:              {"timeout", "the request took too long"},
	http.StatusHTTPVersionNotSupported:     {"unknown-version", "this server speaks HTTP/1.0, HTTP/1.1 and HTTP/2"},
}

// Of is the page of an engine's own refusal: the status, why in a word for programs, and
// in words for people. An empty word or message is the status's usual one.
func Of(status int, word, message string) Page {
	known, ok := usual[status]
	if !ok {
		name := http.StatusText(status)
		known.word, known.message = strings.ReplaceAll(strings.ToLower(name), " ", "-"), strings.ToLower(name)
	}
	if word == "" {
		word = known.word
	}
	if message == "" {
		message = known.message
	}
	return Page{Status: status, Error: word, Message: message}
}

// TooLarge is the page for a body of more than limit bytes, which was for a module.
func TooLarge(module string, limit int64) Page {
	p := Of(http.StatusRequestEntityTooLarge, "", fmt.Sprintf("the request's body is longer than the %d bytes that it may be", limit))
	p.Module = module
	return p
}

// NoTunnels is the page for a CONNECT. The connection is to end with it: what a client
// sends after it is no request.
func NoTunnels() Page {
	return Of(http.StatusNotImplemented, "no-tunnels", "this server opens no tunnels")
}

// Crowded is the page for a request of an address that has as many in flight as it may.
func Crowded() Page {
	p := Of(http.StatusServiceUnavailable, "too-many-streams", "too many requests of this address are in flight")
	p.RetryAfter = time.Second
	return p
}
