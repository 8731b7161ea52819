package goaway_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy/goaway"
)

// marked splits a stream with a | at each of its borders.
func marked(text string) (stream []byte, at []int) {
	for part := range strings.SplitAfterSeq(text, "|") {
		rest, ok := strings.CutSuffix(part, "|")
		stream = append(stream, rest...)
		if ok {
			at = append(at, len(stream))
		}
	}
	return stream, at
}

func TestEventsBordersAreAfterABlankLineHoweverTheyAreSplit(t *testing.T) {
	for name, text := range map[string]string{
		"LF":                                   "|data: 1\n\n|data: 2\nid: 7\n\n|data: 3",
		"CRLF":                                 "|data: 1\r\n\r\n|data: 2\r\nid: 7\r\n\r\n|",
		"CR":                                   "|data: 1\r\r|data: 2\rid: 7\r\r|",
		"LF after CRLF":                        "|data: 1\r\n\n|",
		"CRLF after LF":                        "|data: 1\n\r\n|",
		"CR after LF":                          "|data: 1\n\r" + "data: 2\r\r|",
		"CR after CR, LF":                      "|a\rb\r\n\r|\n|",
		"several blank lines":                  "|data: 1\n\n|\n|\n|data: 2\n\n|",
		"a comment is between two events":      "|: hello\n|data: 1\n\n|:\n|:\n|\n|",
		"a comment is within an event":         "|data: 1\n: hm\ndata: 2\n\n|",
		"a comment in CRLF":                    "|:\r\n|:\r\n|",
		"a colon in a line is no comment":      "|a:\n\n|",
		"a byte order mark":                    "|\xef\xbb\xbf|data: 1\n\n|",
		"a byte order mark before a comment":   "|\xef\xbb\xbf|: hi\n|",
		"half a byte order mark":               "|\xef\xbbdata: 1\n\n|",
		"half a byte order mark, then nothing": "|\xef\n\n|",
		"a byte order mark later is a field":   "|\n|\xef\xbb\xbf: hi\n\n|",
		"nothing":                              "|",
		"a blank line first":                   "|\n|data: 1\n\n|",
	} {
		stream, want := marked(text)
		if got := borders(t, goaway.ForBody("text/event-stream"), stream); !slices.Equal(got, want) {
			t.Errorf("%s: borders %v, want %v", name, got, want)
			continue
		}
		for seed := range uint64(20) {
			splitAnyhow(t, goaway.ForBody("Text/Event-Stream; charset=utf-8"), stream, want, seeded(seed))
		}
	}
	f := goaway.ForBody("text/event-stream")
	if len(f.Farewell()) != 0 || f.Closed() {
		t.Error("events have no farewell but their end")
	}
}

func message(flags byte, text string) string {
	return string(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(text)))) + text
}

func TestGRPCsBordersAreBetweenItsMessages(t *testing.T) {
	for name, c := range map[string]struct{ kind, text string }{
		"messages":                  {"application/grpc", "|" + message(0, "one") + "|" + message(1, "") + "|" + message(0, strings.Repeat("x", 70000)) + "|" + message(0, "four")[:6]},
		"no flags that it has":      {"application/grpc+proto", "|" + message(2, "one") + message(0, "two")},
		"trailers are gRPC-Web's":   {"application/grpc", "|" + message(0x80, "one")},
		"gRPC-Web":                  {"application/grpc-web+proto", "|" + message(0, "one") + "|" + message(0x80, "grpc-status: 0") + "|"},
		"nothing after its end":     {"application/grpc-web", "|" + message(0x80, "grpc-status: 0") + "|" + message(0, "one")},
		"compressed trailers, even": {"application/grpc-web", "|" + message(0x81, "xx") + "|"},
	} {
		stream, want := marked(c.text)
		if got := borders(t, goaway.ForBody(c.kind), stream); !slices.Equal(got, want) {
			t.Errorf("%s: borders %v, want %v", name, got, want)
			continue
		}
		for seed := range uint64(20) {
			splitAnyhow(t, goaway.ForBody(c.kind), stream, want, seeded(seed))
		}
	}
	if goaway.ForBody("application/grpc").Farewell() != nil {
		t.Error("gRPC's farewell is in its trailers")
	}
	web := goaway.ForBody("application/grpc-web")
	if got := string(web.Farewell()); got != message(0x80, "grpc-status: 14\r\ngrpc-message: going away\r\n") {
		t.Errorf("farewell %q", got)
	}
	web.Follow([]byte(message(0x80, "grpc-status: 0")))
	if !web.Closed() || len(web.Farewell()) != 0 {
		t.Error("gRPC-Web ends twice")
	}
}

func TestLongAnswersAreToldByTheirContentType(t *testing.T) {
	for contentType, want := range map[string]bool{
		"text/event-stream": true, "TEXT/Event-Stream": true, "text/event-stream;charset=utf-8": true, " text/event-stream ; x=y": true,
		"application/grpc": true, "Application/gRPC+proto": true, "application/grpc-web-text": true, "application/grpc; x=y": true,
		"": false, "text/plain": false, "text/event-stream2": false, "application/grpcish": false, "application/json": false,
		"text/plain; x=text/event-stream": false, "application/octet-stream": false,
	} {
		if got := goaway.IsLong(contentType); got != want {
			t.Errorf("%q: %v", contentType, got)
		}
		if f := goaway.ForBody(contentType); f != nil && !want {
			t.Errorf("%q is followed", contentType)
		}
	}
	if goaway.ForBody("application/grpc-web-text+proto") != nil {
		t.Error("base64 is followed")
	}
}
