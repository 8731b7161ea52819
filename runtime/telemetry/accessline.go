package telemetry

import (
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/runtime/module"
)

// maxField is how many bytes of a text of the client's a line has; what is longer ends in
// an ellipsis.
const maxField = 2 << 10

// accessTime is RFC 3339 with microseconds, always as many.
const accessTime = "2006-01-02T15:04:05.000000Z"

// appendEntry adds an entry's line. What is not known is left out.
func appendEntry(b []byte, e *proxy.Entry, query bool) []byte {
	r := e.Request
	b = append(b, `{"time":"`...)
	b = e.Began.UTC().AppendFormat(b, accessTime)
	b = append(b, '"')
	if r != nil {
		b = appendRequest(b, r, query)
	}
	b = appendText(b, "protocol", e.Protocol)
	if e.Route != nil {
		b = appendText(b, "route", e.Route.Pattern)
	}
	if e.Labels.Module != "" {
		b = appendText(b, "module", e.Labels.Module)
		b = append(appendKey(b, "release"), '"')
		b = appendQuoted(b, e.Labels.Module)
		b = append(b, '@')
		b = append(appendQuoted(b, e.Labels.Version), '"')
		b = appendText(b, "instance", e.Labels.Instance)
	} else if e.Route != nil {
		b = appendText(b, "module", e.Route.Module)
	}
	b = appendNumber(b, "status", int64(e.Status))
	b = appendText(b, "refused", e.Refused)
	if e.Labels.Module != "" {
		b = appendText(b, "class", e.Outcome.Class.String())
		b = appendNumber(b, "bytes_in", e.Outcome.BytesIn)
		b = appendNumber(b, "bytes_out", e.Outcome.BytesOut)
	}
	b = appendMillis(b, "duration_ms", e.Duration)
	if e.Labels.Module != "" {
		b = appendMillis(b, "wait_ms", e.Outcome.Wait)
	}
	b = appendTrue(b, "retried", e.Retried)
	b = appendTrue(b, "replayed", e.Replayed)
	if r != nil && r.Header != nil {
		b = appendText(b, "trace", traceOf(r.Header.Get("Traceparent")))
	}
	return append(b, '}', '\n')
}

func appendRequest(b []byte, r *proxy.Request, query bool) []byte {
	b = appendText(b, "id", r.ID)
	client := r.Client
	if !client.IsValid() {
		client = r.Remote.Addr()
	}
	b = appendAddr(b, "client", client)
	if peer := r.Remote.Addr(); peer != client {
		b = appendAddr(b, "peer", peer)
	}
	b = appendText(b, "method", r.Method)
	b = appendText(b, "host", r.Host)
	b = appendText(b, "path", r.Path)
	if query {
		b = appendText(b, "query", r.Query)
	}
	return b
}

func appendKey(b []byte, key string) []byte {
	b = append(b, ',', '"')
	b = append(b, key...)
	return append(b, '"', ':')
}

// appendText adds a text; nothing where it is empty.
func appendText(b []byte, key, text string) []byte {
	if text == "" {
		return b
	}
	b = append(appendKey(b, key), '"')
	return append(appendQuoted(b, module.Clip(text, maxField)), '"')
}

// appendQuoted adds what stands between a JSON string's quotes, so that a terminal obeys
// nothing in it: see appendClean.
func appendQuoted(b []byte, text string) []byte {
	const hex = "0123456789abcdef"
	for len(text) > 0 {
		c := text[0]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				b = append(b, '\\', c)
			case c < ' ' || c == 0x7f:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
			default:
				b = append(b, c)
			}
			text = text[1:]
			continue
		}
		r, size := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && size == 1 {
			b = append(b, `\ufffd`...)
		} else {
			b = appendClean(b, []byte(text[:size]))
		}
		text = text[size:]
	}
	return b
}

func appendAddr(b []byte, key string, addr netip.Addr) []byte {
	if !addr.IsValid() {
		return b
	}
	if addr.Zone() != "" {
		return appendText(b, key, addr.String())
	}
	b = append(appendKey(b, key), '"')
	return append(addr.Unmap().AppendTo(b), '"')
}

func appendNumber(b []byte, key string, n int64) []byte {
	return strconv.AppendInt(appendKey(b, key), n, 10)
}

// appendMillis adds milliseconds with three digits behind the point.
func appendMillis(b []byte, key string, d time.Duration) []byte {
	return strconv.AppendFloat(appendKey(b, key), float64(d.Microseconds())/1000, 'f', 3, 64)
}

// appendTrue adds what is so; nothing where it is not.
func appendTrue(b []byte, key string, is bool) []byte {
	if !is {
		return b
	}
	return append(appendKey(b, key), "true"...)
}

// traceOf is the trace's id in a traceparent (W3C Trace Context, section 3.2); empty where
// it is malformed.
func traceOf(parent string) string {
	const begin, end = len("00-"), len("00-") + 32
	if len(parent) < end+len("-0123456789abcdef-00") || parent[2] != '-' || parent[end] != '-' {
		return ""
	}
	id, zero := parent[begin:end], true
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ""
		}
		zero = zero && c == '0'
	}
	if zero {
		return ""
	}
	return id
}
