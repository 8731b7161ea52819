package h1

import (
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/h1/wire"
)

// unnamed is the host that a module sees of a request whose client named none.
const unnamed = "module"

// fields are the lines of a request's head, as a director and package guard read them.
type fields wire.Request

// Get gives the value of the first line of that name, or "".
func (f *fields) Get(name string) string {
	for i := range f.Fields {
		if at := &f.Fields[i]; len(at.Name) == len(name) && strings.EqualFold(at.Name, name) {
			if proxy.FieldOf(name) == proxy.FieldHost {
				return "" // it is the request's, as with net/http
			}
			return at.Value
		}
	}
	return ""
}

// Values gives the values of all lines of that name.
func (f *fields) Values(name string) (values []string) {
	for i := range f.Fields {
		if at := &f.Fields[i]; len(at.Name) == len(name) && strings.EqualFold(at.Name, name) {
			values = append(values, at.Value)
		}
	}
	return values
}

// All gives all lines but Host, which is the request's, as with net/http.
func (f *fields) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := range f.Fields {
			if at := &f.Fields[i]; proxy.FieldOf(at.Name) != proxy.FieldHost && !yield(at.Name, at.Value) {
				return
			}
		}
	}
}

// namedBy gives what the Connection lines name; false where that is too much.
func namedBy(all []wire.Field) (named proxy.Named, ok bool) {
	for i := range all {
		if f := &all[i]; len(f.Name) == len("connection") && proxy.FieldOf(f.Name) == proxy.FieldConnection && !named.Add(f.Value) {
			return proxy.Named{}, false
		}
	}
	return named, true
}

// address finds the one spelling of where the request goes.
func (t *transit) address() (err error) {
	if t.request.Host, err = proxy.CleanHost(t.head.Host); err != nil {
		return err
	}
	t.request.Path, err = proxy.CleanPath(t.head.Path)
	return err
}

// appendHead appends the head of the request to the module.
func (t *transit) appendHead(out []byte) []byte {
	head := t.head
	out = append(out, head.Method...)
	out = append(out, ' ')
	out = append(out, t.request.Route.Forwarded(t.request.Path)...)
	if head.HasQuery {
		out = append(out, '?')
		out = append(out, head.Query...)
	}
	out = append(out, " HTTP/1.1\r\n"...)
	host := head.Host
	if host == "" {
		host = unnamed
	}
	out = wire.AppendField(out, "Host", host)
	out = t.appendFields(out)
	t.client.Tell(t.request.Route, func(name, value string) { out = wire.AppendField(out, name, value) })
	if head.TETrailers {
		out = append(out, "Te: trailers\r\n"...)
	}
	if head.Upgrade != "" {
		out = append(out, "Connection: Upgrade\r\n"...)
		out = wire.AppendField(out, "Upgrade", head.Upgrade)
	}
	switch head.Framing {
	case wire.Length:
		out = appendLength(out, head.Length)
	case wire.Chunked:
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
		out = appendAnnounced(out, t.body.announced)
	}
	if t.expects() {
		out = append(out, "Expect: 100-continue\r\n"...)
	}
	return append(out, "\r\n"...)
}

// appendFields appends what of the client's header goes to the module.
func (t *transit) appendFields(out []byte) []byte {
	named, _ := namedBy(t.head.Fields) // else it was refused
	for i := range t.head.Fields {
		f := &t.head.Fields[i]
		value := f.Value
		switch field := proxy.FieldOf(f.Name); field {
		case proxy.FieldRequestID, proxy.FieldExpect: // told by ourselves
			continue
		case proxy.FieldCookie:
			line := [1]string{value}
			if kept := proxy.ForeignCookies(line[:]); len(kept) == 0 {
				continue
			} else {
				value = kept[0]
			}
		case proxy.FieldTraceparent, proxy.FieldTracestate:
			if !t.client.Traced {
				continue
			}
		default:
			if !field.Forwards() {
				continue
			}
		}
		if named.Has(f.Name) {
			continue
		}
		out = wire.AppendField(out, f.Name, value)
	}
	return out
}

// announced gives the names of the trailers that the lines name and that may pass, each
// once, in whatever case. It reads most items, and no more.
func announced(all []wire.Field, most int, passes func(proxy.Field) bool) (names []string) {
	for i := range all {
		f := &all[i]
		if len(f.Name) != len("trailer") || proxy.FieldOf(f.Name) != proxy.FieldTrailer {
			continue
		}
		for name := range strings.SplitSeq(f.Value, ",") {
			if most--; most < 0 {
				return names
			}
			name = strings.Trim(name, " \t")
			same := func(known string) bool { return strings.EqualFold(known, name) }
			if wire.IsToken(name) && passes(proxy.FieldOf(name)) && !slices.ContainsFunc(names, same) {
				names = append(names, name)
			}
		}
	}
	return names
}

// appendAnnounced appends the line that announces trailers.
func appendAnnounced(out []byte, names []string) []byte {
	if len(names) == 0 {
		return out
	}
	return wire.AppendField(out, "Trailer", strings.Join(names, ", "))
}

// isConnect reports whether the client wants a tunnel.
func isConnect(method string) bool { return strings.EqualFold(method, http.MethodConnect) }
