package wire

// LinkRequest is one message that a module sends over the link, as JSON: what it may not
// do by itself, the host does for it.
type LinkRequest struct {
	// ID is the module's own number of the request; the answer bears it.
	ID uint64 `json:"id"`
	// Do is one of the words below.
	Do      string `json:"do"`
	Network string `json:"network"` // tcp, tcp4 or tcp6
	Address string `json:"address"` // host:port
	// TimeoutMS is how long the module waits, in milliseconds; 0 is the host's limit.
	TimeoutMS int64 `json:"timeout_ms,omitempty"`
}

// What a module can ask the host to do.
const (
	LinkDial   = "dial"   // the answer comes with a connected socket
	LinkListen = "listen" // the answer comes with a listening socket
	LinkCancel = "cancel" // nobody waits for the request with this ID any more; not answered
)

// LinkAnswer is the host's answer. Where Error is empty one descriptor comes with it.
type LinkAnswer struct {
	ID    uint64 `json:"id"`
	Error string `json:"error,omitempty"`
	// Denied says that it was not granted, whatever it would have come to.
	Denied bool `json:"denied,omitempty"`
	// Errno is the system's number of the error, where it has one.
	Errno uint32 `json:"errno,omitempty"`
}

// MaxLinkMessage bounds a message over the link, in bytes.
const MaxLinkMessage = 4096
