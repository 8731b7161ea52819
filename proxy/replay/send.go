package replay

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/guard"
)

const (
	defaultTimeout = 5 * time.Second
	// maxAnswerHead bounds the head of an answer.
	maxAnswerHead = 256 << 10
	// moduleHost stands in a request's URL; nothing resolves it.
	moduleHost = "module"
	// keepIdle is how long an idle connection is kept: less than modules do, or a request
	// may meet a closing connection.
	keepIdle = 10 * time.Second
)

// ErrHost is why an answer is missing for which nobody but this host is to blame: it
// has no descriptors or no memory left.
var ErrHost = errors.New("the host lacks the means to connect")

// Dial opens a new connection to an instance.
type Dial func(ctx context.Context) (net.Conn, error)

// Send sends a recorded request once more, as a rehearsal, over a connection of its
// own, and gives the answer. It blocks until the answer is whole or ctx ends. It reads
// no more of a body than the recorded answer has, and 64 KiB at least: an answer that
// is longer comes back with a Length beyond that, and a Sum of no meaning. headers are
// what it keeps of the answer's header beside Content-Type and Content-Encoding.
//
// The error is ErrHost where the host is to blame; every other one is the module's, or
// ctx's.
func Send(ctx context.Context, dial Dial, rec Recording, headers ...string) (Answer, error) {
	s := newSender(dial, 1, headers)
	defer s.close()
	return s.send(ctx, &rec, viaRehearsal)
}

// sender sends recordings to one instance.
type sender struct {
	transport *http.Transport
	headers   []string
	cancel    context.CancelFunc // of dials
}

// newSender makes a sender that keeps up to so many connections; close it.
func newSender(dial Dial, conns int, headers []string) *sender {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	open, cancel := context.WithCancel(context.Background())
	return &sender{headers: headers, cancel: cancel, transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ctx, stop := context.WithCancel(ctx)
			defer stop()
			defer context.AfterFunc(open, stop)() // the transport may go on without its request
			conn, err := dial(ctx)
			if err != nil && proxy.HostLacks(err) {
				return nil, fmt.Errorf("%w: %w", ErrHost, err)
			}
			return conn, err
		},
		Protocols:              &protocols,
		DisableCompression:     true,
		MaxIdleConns:           conns,
		MaxIdleConnsPerHost:    conns,
		IdleConnTimeout:        keepIdle,
		MaxResponseHeaderBytes: maxAnswerHead,
	}}
}

// close closes the connections; nothing may be under way any more.
func (s *sender) close() {
	s.cancel()
	s.transport.CloseIdleConnections()
}

// send makes one request and reads its answer.
func (s *sender) send(ctx context.Context, rec *Recording, via string) (Answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := request(ctx, rec, via)
	if err != nil {
		return Answer{}, err
	}
	res, err := s.transport.RoundTrip(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	var heard listener
	heard.head(res.StatusCode, res.Header, s.headers)
	if res.StatusCode == http.StatusSwitchingProtocols {
		return heard.answer(), nil
	}
	limit := max(rec.Answer.Length, keepBody)
	for buf := make([]byte, 16<<10); heard.length <= limit; {
		n, err := res.Body.Read(buf)
		heard.part(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return Answer{}, fmt.Errorf("read answer: %w", err)
		}
	}
	return heard.answer(), nil
}

// request makes the request that the engine would have made.
func request(ctx context.Context, rec *Recording, via string) (*http.Request, error) {
	if clean, err := proxy.CleanPath(rec.Path); err != nil || clean != rec.Path {
		return nil, fmt.Errorf("replay %s: not a clean path", rec)
	}
	if strings.ContainsFunc(rec.Query, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, fmt.Errorf("replay %s: a query that cannot be sent", rec)
	}
	header := proxy.ForwardHeader(rec.Header)
	delete(header, "Expect")
	if _, ok := header["User-Agent"]; !ok {
		header["User-Agent"] = []string{""} // or the transport puts in its own
	}
	header[RehearsalHeader] = []string{via}
	route := proxy.Route{Prefix: rec.Prefix, Strip: rec.Prefix != ""}
	tell(header, rec, &route)
	// Opaque goes out as it stands.
	to := &url.URL{Scheme: "http", Host: moduleHost, Opaque: route.Forwarded(rec.Path), RawQuery: rec.Query}
	out := &http.Request{Method: rec.Method, URL: to, Host: hostHeader(rec.Host), Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if len(rec.Body) > 0 {
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(rec.Body)), nil }
		out.Body, _ = out.GetBody()
		out.ContentLength = int64(len(rec.Body))
	}
	return out.WithContext(ctx), nil
}

// tell puts in what a module is told of its client, as the engines do; the id is the copy's
// own.
func tell(header http.Header, rec *Recording, route *proxy.Route) {
	var from guard.Client
	from.Read(&proxy.Peer{Addr: netip.AddrPortFrom(rec.Remote, 0), Secure: rec.Secure}, rec.Host, header)
	for name := range header {
		if proxy.Dashed(name) == "X-Request-Id" {
			delete(header, name)
		}
	}
	from.Tell(route, func(name, value string) { header[name] = []string{value} })
	if !from.Traced {
		delete(header, "Traceparent")
		delete(header, "Tracestate")
	}
}

// hostHeader is the host as it stands in a request: an IPv6 address in brackets.
func hostHeader(host string) string {
	if strings.Count(host, ":") > 1 && host[0] != '[' {
		return "[" + host + "]"
	}
	return cmp.Or(host, moduleHost)
}
