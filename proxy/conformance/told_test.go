package conformance_test

import (
	"strings"
	"testing"
)

func TestWhatATrustedPeerTellsIsBelieved(t *testing.T) {
	runCases(t, []exchangeCase{
		{name: "who the client is", rfc: "RFC 7239, 5.2", trusted: true, send: request("X-Forwarded-For: 192.0.2.1"), status: "200", saw: []string{"x-forwarded-for: 192.0.2.1, 127.0.0.1\r\n"}},
		{name: "who it is, on two lines", rfc: "RFC 7239, 7.1", trusted: true, send: request("X-Forwarded-For: 127.0.0.9", "X-Forwarded-For: 127.0.0.8"), status: "200", saw: []string{"x-forwarded-for: 127.0.0.9, 127.0.0.8, 127.0.0.1\r\n"}},
		{name: "what a client says of itself", rfc: "RFC 7239, 8.1", trusted: true, send: request("X-Forwarded-For: 6.6.6.6, 192.0.2.1"), status: "200", saw: []string{"x-forwarded-for: 192.0.2.1, 127.0.0.1\r\n"}, sawNot: []string{"6.6.6.6"}},
		{name: "what is no address", rfc: "RFC 7239, 6", trusted: true, send: request("X-Forwarded-For: nonsense"), status: "200", saw: []string{"x-forwarded-for: 127.0.0.1\r\n"}, sawNot: []string{"nonsense"}},
		{name: "how it came", rfc: "RFC 7239, 5.4", trusted: true, send: request("X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"), status: "200", saw: []string{"x-forwarded-proto: https\r\n"}},
		{name: "what it asked for", rfc: "RFC 7239, 5.3", trusted: true, send: request("X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: shop.example"), status: "200", saw: []string{"x-forwarded-host: shop.example\r\n", "\r\nhost: x\r\n"}},
		{name: "all of it in Forwarded", rfc: "RFC 7239, 4", trusted: true, send: request("Forwarded: for=192.0.2.1;host=shop.example;proto=https"), status: "200",
			saw: []string{"x-forwarded-for: 192.0.2.1, 127.0.0.1\r\n", "x-forwarded-proto: https\r\n", "x-forwarded-host: shop.example\r\n", "forwarded: for=192.0.2.1;host=shop.example;proto=https, for=127.0.0.1\r\n"}},
		{name: "the request's id", rfc: "RFC 9110, 16.3", trusted: true, send: request("X-Request-Id: abc-123"), status: "200", saw: []string{"x-request-id: abc-123\r\n"}, got: []string{"x-request-id: abc-123\r\n"}},
		{name: "an id that is not sane", rfc: "RFC 9110, 16.3", trusted: true, send: request("X-Request-Id: a b"), status: "200", sawNot: []string{"x-request-id: a b"}, got: []string{"x-request-id: "}},
		{name: "an id that is too long", rfc: "RFC 9110, 16.3", trusted: true, send: request("X-Request-Id: " + strings.Repeat("z", 129)), status: "200", sawNot: []string{"zzzz"}},
		{name: "an id of a client's own", rfc: "RFC 9110, 16.3", send: request("X-Request-Id: abc-123"), status: "200", saw: []string{"x-request-id: "}, sawNot: []string{"abc-123"}, gotNot: []string{"abc-123"}},
		{name: "an id of a client's own that is spelled otherwise", rfc: "RFC 9110, 16.3", send: request("X_Request_Id: forged", "x-request_id: forged"), status: "200", saw: []string{"x-request-id: "}, sawNot: []string{"forged"}},
		{name: "an id of a module's own that is spelled otherwise", rfc: "RFC 9110, 16.3", send: plainGet, status: "200", answer: "HTTP/1.1 200 OK\r\nX_Request_Id: forged\r\nContent-Length: 2\r\n\r\nok", got: []string{"x-request-id: "}, gotNot: []string{"forged"}},
		{name: "an id of a module's own", rfc: "RFC 9110, 16.3", trusted: true, send: request("X-Request-Id: abc-123"), status: "200", answer: "HTTP/1.1 200 OK\r\nX-Request-Id: forged\r\nContent-Length: 2\r\n\r\nok",
			got: []string{"x-request-id: abc-123\r\n"}, gotNot: []string{"forged"}},
	})
}

func TestATraceIsPassedOnWhereItIsValid(t *testing.T) {
	const parent = "Traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
	runCases(t, []exchangeCase{
		{name: "a trace", rfc: "Trace Context, 3.2", send: request(parent, "Tracestate: a=b"), status: "200", saw: []string{parent + "\r\n", "tracestate: a=b\r\n"}},
		{name: "a trace of zeros", rfc: "Trace Context, 3.2.2.3", send: request(strings.Replace(parent, "0123456789abcdef0123456789abcdef", strings.Repeat("0", 32), 1), "Tracestate: a=b"), status: "200", sawNot: []string{"traceparent", "tracestate"}},
		{name: "a trace that is none", rfc: "Trace Context, 3.2", send: request("Traceparent: nonsense", "Tracestate: a=b"), status: "200", sawNot: []string{"traceparent", "tracestate"}},
		{name: "two traces", rfc: "Trace Context, 3.2", send: request(parent, strings.Replace(parent, "-01", "-00", 1), "Tracestate: a=b"), status: "200", sawNot: []string{"traceparent", "tracestate"}},
		{name: "a state without a trace", rfc: "Trace Context, 3.3", send: request("Tracestate: a=b"), status: "200", sawNot: []string{"tracestate"}},
	})
}
