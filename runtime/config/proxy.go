package config

import (
	"net/netip"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// Unlimited stands for what has no bound where 0 is a default.
const Unlimited = -1

// Proxy is how traffic is carried.
type Proxy struct {
	TLS  TLS
	ACME ACME
	// ProxyProtocol are the peers whose connections to the traffic addresses begin with the
	// PROXY protocol; where there are any, others are refused.
	ProxyProtocol []netip.Prefix
	// TrustedProxies are believed what they say of a client in headers.
	TrustedProxies []netip.Prefix
	Limits         ProxyLimits
	Timeouts       ProxyTimeouts
	AccessLog      AccessLog
}

// TLS is traffic over TLS.
type TLS struct {
	Listen string // where it comes in, host:port; empty for nowhere
	// Certificates are read again when their files change. The first is for clients that
	// name no host.
	Certificates []Certificate
	// Redirect sends what comes in clear text to Listen.
	Redirect bool
}

// Certificate is a chain with its key, in PEM files.
type Certificate struct{ Cert, Key string }

// ACME fetches certificates of its own; it is off where there are no hosts.
type ACME struct {
	Hosts     []string // that certificates are fetched for
	Email     string   // that the authority writes to; may be empty
	Directory string   // URL of the authority
	Cache     string   // folder for keys and certificates; empty for acme in the state directory
}

// ProxyLimits bound what clients may do.
type ProxyLimits struct {
	Head    uint64 // bytes of a request's head
	Headers int    // lines of it
	URL     uint64 // bytes of a request's target
	// Body is how many bytes a request's body may have, whatever a module wishes; 0 for any.
	Body uint64
	// Connections and PerAddress are how many may be open, together and of one client's
	// address; 0 for as many as the machine has room for, and a part of these. Unlimited
	// for any.
	Connections int
	PerAddress  int
}

// ProxyTimeouts are for clients, and for modules where neither their routes nor their own
// settings say otherwise. Unlimited stands for ever.
type ProxyTimeouts struct {
	Head     time.Duration // for a request's head
	Idle     time.Duration // of a kept connection, between two requests
	Connect  time.Duration // for a connection to a module
	Answer   time.Duration // for the head of a module's answer
	BodyIdle time.Duration // that a body may stand still
	LongIdle time.Duration // that a WebSocket, events or gRPC may stand still
	Total    time.Duration // for the whole of a request
	// BodyRate is how many bytes a second a client must send and take on average, once
	// BodyGrace is over.
	BodyRate  int64
	BodyGrace time.Duration
}

// AccessLog is a file with a line for each request, as far as they are picked.
type AccessLog struct {
	Path string // "-" for standard output; empty for none
	// Sample is of how many ordinary requests one is logged; Unlimited for none of them.
	Sample    int
	PerSecond int           // of ordinary ones, and of all others, at most
	Slow      time.Duration // what takes longer is always logged; Unlimited for nothing
	Query     bool          // log queries too
}

// ModuleLimits are ceilings of one module's requests. Zero fields set none.
type ModuleLimits struct {
	Rate       manifest.Rate
	Burst      int // at once; 0 for as many as Rate names
	Concurrent int
	PerClient  manifest.Rate // of each client's address
	// Body is how many bytes a request's body may have, in place of ProxyLimits.Body.
	Body uint64
}

// Retry is when another process of a release answers what one of them failed.
type Retry struct {
	Enabled policy.Switch
	Routes  []policy.Match   // beside GET, HEAD and OPTIONS
	Budget  *manifest.Weight // the share of the module's requests that may be retries
}

// Queue is where requests wait for room when all processes have as many as they may.
type Queue struct {
	Length int // how many may wait; 0 for none
	Wait   time.Duration
}

// Ejection is when a process of a release is taken out that fails beside others of it.
// Zero fields are the proxy's defaults.
type Ejection struct {
	Enabled  policy.Switch
	Failures int             // in a row that take it out
	Above    manifest.Weight // by how much its share of failures may exceed theirs
	First    time.Duration   // that it is out at first; then twice as long each time,
	Most     time.Duration   // up to this
	MostOut  manifest.Weight // the share of the processes that may be out
}

// acmeDirectory is the authority that is asked where nothing is set.
const acmeDirectory = "https://acme-v02.api.letsencrypt.org/directory"

func defaultProxy() Proxy {
	engine := proxy.Config{Director: struct{ proxy.Director }{}}.Defaults() // which asks nothing of it
	return Proxy{
		ACME: ACME{Directory: acmeDirectory},
		Limits: ProxyLimits{
			Head: uint64(engine.Limits.HeadBytes), Headers: engine.Limits.Headers, URL: uint64(engine.Limits.URLBytes),
		},
		Timeouts: ProxyTimeouts{
			Head: engine.HeadTimeout, Idle: engine.IdleTimeout, Connect: engine.Timeouts.Connect, Answer: engine.Timeouts.Answer,
			BodyIdle: engine.Timeouts.Idle, LongIdle: engine.LongIdle, Total: engine.Timeouts.Total, BodyRate: engine.BodyRate, BodyGrace: engine.BodyGrace,
		},
		AccessLog: AccessLog{Sample: 1, PerSecond: 1000, Slow: time.Second},
	}
}
