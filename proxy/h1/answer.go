package h1

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/goaway"
	"github.com/segue-run/segue/proxy/h1/wire"
)

// ReleaseHeader names the release that answered.
const ReleaseHeader = "Segue-Release"

// appendLength appends a Content-Length line.
func appendLength(out []byte, n int64) []byte {
	return appendNumber(out, "Content-Length: ", n)
}

func appendNumber(out []byte, name string, n int64) []byte {
	return append(strconv.AppendInt(append(out, name...), n, 10), "\r\n"...)
}

// answer passes on the module's answer, whose head has come.
func (t *transit) answer(res *wire.Response) ending {
	o := t.outgoing(res)
	t.appendAnswerHead(res, o)
	t.outcome.Reached = true
	t.status = res.Status
	if err := t.copyBody(o); err != nil {
		return t.breaks(err)
	}
	t.outcome.Class = proxy.ClassOf(t.status)
	if o.parted {
		t.outcome.Class, t.outcome.Err = proxy.ClassDrained, o.why
		t.tap.Cut()
	}
	t.letGo(!o.parted && !o.close && !o.withheld)
	t.conclude()
	if err := t.flush(); err != nil {
		return broken
	}
	if t.closes {
		return ends
	}
	return goesOn
}

// breaks notes why an answer that has begun does not come to its end.
func (t *transit) breaks(err error) ending {
	t.failed(err)
	return broken
}

// outgoing is the body of an answer on its way to the client.
type outgoing struct {
	framing  wire.Framing // the module's
	left     int64        // where the length is known
	chunks   wire.Chunks
	chunked  bool            // towards the client
	close    bool            // the module's connection ends with it
	withheld bool            // it is declared and not to come: what comes late would be the next answer
	follower goaway.Follower // nil for none
	parted   bool            // it was ended before its end
	why      error           // where it was
	ended    bool            // its last byte has come
}

// outgoing finds how the body is to be passed on.
func (t *transit) outgoing(res *wire.Response) *outgoing {
	o := &t.answered
	*o = outgoing{framing: res.Framing, left: res.Length, close: res.Close}
	o.withheld = res.Framing == wire.NoBody && (res.Length > 0 || isCoded(res.Fields))
	o.chunks.Limits = &t.e.answers
	unbounded := res.Framing == wire.Chunked || res.Framing == wire.UntilClose
	o.chunked = unbounded && t.head.Minor == 1
	if unbounded && !o.chunked || t.unread() || t.e.closing.Load() {
		t.closes = true // what is left of a body must not be taken for the next request
	}
	return o
}

// appendAnswerHead makes the head that the client gets.
func (t *transit) appendAnswerHead(res *wire.Response, o *outgoing) {
	contentType, encoded := contentOf(res.Fields)
	long := contentType != "" && goaway.IsLong(contentType)
	if long && o.framing != wire.Length && !encoded {
		o.follower = goaway.ForBody(contentType)
		t.mu.Lock()
		t.follows = o.follower != nil
		t.mu.Unlock()
	}
	if long {
		t.lasts()
		t.totalDue.met()
		t.c.readDue.move(math.MaxInt64)
	}
	t.o = wire.AppendStatus(t.out.b[:0], res.Status)
	t.o = t.appendAnswer(t.o, res)
	t.o = t.appendOwn(t.o, hasDate(res.Fields))
	t.exchange.Answered(proxy.Answer{Status: res.Status, Wait: t.outcome.Wait, Long: long, Header: (*adder)(t)})
	if t.tap != nil {
		t.tap.Head(res.Status, headerOf(res), t.unread())
	}
	switch {
	case o.chunked:
		t.o = append(t.o, "Transfer-Encoding: chunked\r\n"...)
		t.o = appendAnnounced(t.o, announced(res.Fields, t.e.cfg.Limits.Headers, proxy.Field.AnswersTrailer))
	case res.Length >= 0 && res.Status != 204:
		t.o = appendLength(t.o, res.Length)
	}
	t.o = append(t.appendConnection(t.o), "\r\n"...)
}

// appendConnection says whether the connection goes on, where that goes without saying for
// nobody.
func (t *transit) appendConnection(out []byte) []byte {
	switch {
	case t.closes:
		return append(out, "Connection: close\r\n"...)
	case t.head.Minor == 0:
		return append(out, "Connection: keep-alive\r\n"...)
	}
	return out
}

// adder takes the lines that an exchange adds to the head that is being made.
type adder transit

// Add implements proxy.HeaderAdder.
func (a *adder) Add(name, value string) { a.o = wire.AppendField(a.o, name, value) }

// appendAnswer appends what of the module's header goes to the client.
func (t *transit) appendAnswer(out []byte, res *wire.Response) []byte {
	named, _ := namedBy(res.Fields) // else it was refused
	for i := range res.Fields {
		f := &res.Fields[i]
		field := proxy.FieldOf(f.Name)
		switch {
		case !field.Answers(), field == proxy.FieldRequestID,
			field == proxy.FieldSetCookie && proxy.SetsInternalCookie(f.Value),
			named.Has(f.Name):
		default:
			out = wire.AppendField(out, f.Name, f.Value)
		}
	}
	return out
}

// appendOwn appends the lines that every answer of a module bears.
func (t *transit) appendOwn(out []byte, dated bool) []byte {
	if !dated {
		out = t.e.date.append(out, time.Now())
	}
	out = t.appendRelease(out)
	return wire.AppendField(out, "X-Request-Id", t.request.ID)
}

// appendRelease names the release that answers.
func (t *transit) appendRelease(out []byte) []byte {
	if t.e.cfg.OmitRelease {
		return out
	}
	labels := t.exchange.Target().Labels()
	out = append(out, ReleaseHeader+": "...)
	out = append(out, labels.Module...)
	out = append(out, '@')
	out = append(out, labels.Version...)
	return append(out, "\r\n"...)
}

func hasDate(fields []wire.Field) bool {
	for i := range fields {
		if len(fields[i].Name) == len("date") && proxy.FieldOf(fields[i].Name) == proxy.FieldDate {
			return true
		}
	}
	return false
}

// isCoded reports whether there is a Transfer-Encoding.
func isCoded(fields []wire.Field) bool {
	for i := range fields {
		if len(fields[i].Name) == len("transfer-encoding") && proxy.FieldOf(fields[i].Name) == proxy.FieldTransfer {
			return true
		}
	}
	return false
}

// contentOf finds the type of a body; encoded, that it has a coding.
func contentOf(fields []wire.Field) (contentType string, encoded bool) {
	for i := range fields {
		switch f := &fields[i]; len(f.Name) {
		case len("content-type"):
			if proxy.FieldOf(f.Name) == proxy.FieldContentType {
				contentType = f.Value
			}
		case len("content-encoding"):
			encoded = encoded || proxy.FieldOf(f.Name) == proxy.FieldContentEncoding
		}
	}
	return contentType, encoded
}

// headerOf makes an http.Header of an answer's.
func headerOf(res *wire.Response) http.Header {
	header := make(http.Header, len(res.Fields))
	for _, f := range res.Fields {
		header.Add(f.Name, f.Value)
	}
	return header
}
