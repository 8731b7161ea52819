package api

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
)

// side is one of the two places where the API is served.
type side struct {
	// local is the unix socket: the only side with actors, and so with changes.
	local bool
	// followers holds a token for each open event stream.
	followers chan struct{}
	// histories holds a token for each history that is read or written out.
	histories chan struct{}
}

func newSide(local bool, followers int) *side {
	return &side{local: local, followers: make(chan struct{}, followers), histories: make(chan struct{}, maxHistories)}
}

// call is one request on one side.
type call struct {
	w    http.ResponseWriter
	r    *http.Request
	side *side
	// actor is who asks; set for changes alone.
	actor module.Actor
}

// asActor makes a change one that only an actor can ask for.
func (s *Server) asActor(act action) action {
	return func(c *call) error {
		if !c.side.local {
			return &module.Error{
				Kind: module.Denied, Msg: "changes are not taken over TCP",
				Hint: "changes go over the local socket " + s.cfg.Socket + ", where the system says who asks",
			}
		}
		var err error
		if c.actor, err = s.cfg.Actor(c.r); err != nil {
			return err
		}
		return act(c)
	}
}

// answer guards an action and turns its error into a problem.
func (s *Server) answer(sd *side, act action) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{w: w, r: r, side: sd}
		harden(w.Header())
		c.extendDeadline()
		var err error
		if !sd.local {
			limitUnreadBody(w, r)
			err = s.checkHost(r.Host)
		}
		if err == nil {
			err = act(c)
		}
		if err == nil {
			return
		}
		p := problemOf(err)
		if p.Kind == module.Internal && r.Context().Err() == nil {
			s.log.Error("request failed", zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.Error(err))
			if !sd.local {
				p.Detail, p.Hint = "internal error", "the runtime's log has the cause"
			}
		}
		c.problem(p)
	})
}

// extendDeadline lets the next write take as long as one may.
func (c *call) extendDeadline() {
	// A writer without deadlines is one of a test.
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(writeTimeout))
}

// json answers v. A client that is gone by then is nobody to report to.
func (c *call) json(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.write(status, "application/json", append(body, '\n'))
	return nil
}

func (c *call) problem(p Problem) {
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"status":500,"kind":"internal"}`)
	}
	c.write(p.Status, ProblemType, append(body, '\n'))
}

func (c *call) write(status int, contentType string, body []byte) {
	c.extendDeadline()
	c.w.Header().Set("Content-Type", contentType)
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body)
}

// harden tells browsers to keep the answer to themselves.
func harden(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// limitUnreadBody keeps a stranger from holding a connection with a body that
// nothing on the TCP side reads.
func limitUnreadBody(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(headerTimeout))
}

// checkHost refuses names that a stranger's DNS may point at this machine.
func (s *Server) checkHost(hostport string) error {
	host := strings.ToLower(hostOnly(hostport))
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	if host != "" && (host == "localhost" || host == strings.ToLower(hostOnly(s.cfg.Address))) {
		return nil
	}
	return &module.Error{
		Kind: module.Denied, Field: "Host", Value: hostport, Msg: "not a name of this runtime",
		Hint: "ask by IP address, as localhost, or by the address in the configuration",
	}
}

// hostOnly is the host of "host:port", "[v6]:port", "host" or "[v6]".
func hostOnly(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	if inner, ok := strings.CutPrefix(hostport, "["); ok {
		return strings.TrimSuffix(inner, "]")
	}
	return hostport
}
