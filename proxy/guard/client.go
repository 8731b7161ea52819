package guard

import (
	"net/netip"
	"strings"

	"github.com/segue-run/segue/proxy"
)

// Header reads the lines of a request's head. http.Header is one.
type Header interface {
	// Get gives the value of the first line of that canonical name, or "".
	Get(name string) string
	// Values gives the values of all its lines, in their order. They are not kept.
	Values(name string) []string
}

// Client is who a request is from, and what its module is told of that.
type Client struct {
	Addr   netip.Addr // invalid where the peer has none
	Secure bool       // the client came over TLS, as far as trusted peers tell
	// Host is the authority that the client asked for, with its port, as far as trusted
	// peers tell. Routes go by the request's own. Empty where that is no host.
	Host string
	// ID is the request's: a trusted peer's where that is sane, else a new one. Never empty.
	ID string
	// Traced says that the request has a valid traceparent line. Where it has not, neither
	// Traceparent nor Tracestate go to the module.
	Traced bool

	addr, chain, forwarded, port string
}

// What a trusted peer may say.
const (
	headerFor       = "X-Forwarded-For"
	headerHost      = "X-Forwarded-Host"
	headerProto     = "X-Forwarded-Proto"
	headerPort      = "X-Forwarded-Port"
	headerForwarded = "Forwarded"
	headerID        = "X-Request-Id"
)

// Read finds who is behind a request of the peer's. host is the authority as the request
// names it. It can be called before anything of the request was judged, does not block,
// and makes one allocation where the peer is not trusted.
func (c *Client) Read(peer *proxy.Peer, host string, h Header) {
	addr := plain(peer.Addr.Addr())
	if !isHost(host) {
		host = ""
	}
	*c = Client{Addr: addr, Secure: peer.Secure, Host: host, Traced: traced(h)}
	var room [maxHops + 1]netip.Addr
	hops := room[:0]
	if peer.Trusted {
		hops = c.believe(hops, peer, h)
	}
	if c.port == "" {
		c.port = portOf(c.Host)
	}
	if c.port == "" {
		c.port = defaultPort(c.Secure)
	}
	c.render(append(hops, addr))
}

// believe reads what a trusted peer says, and gives the chain before it.
func (c *Client) believe(hops []netip.Addr, peer *proxy.Peer, h Header) []netip.Addr {
	hops, told := readChain(hops, peer.Trusts, h)
	if len(hops) > 0 {
		c.Addr = hops[0]
	}
	if told.host != "" {
		c.Host = told.host
	}
	if told.proto != "" {
		c.Secure = told.proto == "https"
	}
	c.port = toldPort(h)
	if id := h.Get(headerID); SaneID(id) {
		c.ID = id
	}
	return hops
}

// render writes the lines, in one piece of memory.
func (c *Client) render(hops []netip.Addr) {
	var scratch [512]byte
	buf := scratch[:0]
	for i, addr := range hops {
		if !addr.IsValid() {
			continue // nobody knows where our own peer is
		}
		if i > 0 {
			buf = append(buf, ", "...)
		}
		buf = addr.AppendTo(buf)
	}
	chainEnd := len(buf)
	for i, addr := range hops {
		if i > 0 {
			buf = append(buf, ", "...)
		}
		buf = appendNode(buf, addr)
		if i == 0 {
			buf = c.appendAsked(buf)
		}
	}
	forwardedEnd := len(buf)
	if c.ID == "" {
		buf = appendID(buf)
	}
	all := string(buf)
	c.chain, c.forwarded = all[:chainEnd], all[chainEnd:forwardedEnd]
	c.addr, _, _ = strings.Cut(c.chain, ",")
	if c.ID == "" {
		c.ID = all[forwardedEnd:]
	}
}

// Tell gives the lines that a module gets, one of each name and in a steady order, for a
// request that comes to it by the route, which may be nil: X-Forwarded-For, -Host, -Proto,
// -Port, -Prefix (where the route strips one), Forwarded, X-Real-Ip and X-Request-Id. All
// others of these names are to be dropped. It allocates nothing.
func (c *Client) Tell(route *proxy.Route, add func(name, value string)) {
	if c.addr != "" {
		add(headerFor, c.chain)
		add("X-Real-Ip", c.addr)
	}
	if c.Host != "" {
		add(headerHost, c.Host)
	}
	proto := "http"
	if c.Secure {
		proto = "https"
	}
	add(headerProto, proto)
	add(headerPort, c.port)
	if route != nil && route.Strip && route.Prefix != "" {
		add("X-Forwarded-Prefix", route.Prefix)
	}
	add(headerForwarded, c.forwarded)
	add(headerID, c.ID)
}

func defaultPort(secure bool) string {
	if secure {
		return "443"
	}
	return "80"
}
