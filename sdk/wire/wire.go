package wire

// The go-plugin handshake. The cookie is no secret: it only keeps a module that
// is run by hand from waiting for a host that is not there.
const (
	CookieKey       = "SEGUE_MODULE"
	CookieValue     = "9b7c0c1e-segue-module"
	ProtocolVersion = 1
	// PluginName is the one plugin in the go-plugin set.
	PluginName = "module"
)

// HealthService is the name under which the host asks grpc.health.v1 for the
// module's own state. (go-plugin answers for the name "plugin" by itself.)
const HealthService = "segue.module.v1.Module"

// What a module finds in its environment. The listener is announced the systemd
// way: LISTEN_PID is the module's pid, LISTEN_FDS is 1, LISTEN_FDNAMES is
// ListenerName, and the descriptor is ListenFD.
const (
	EnvNonce    = "SEGUE_NONCE"    // the launch's secret, hex
	EnvInstance = "SEGUE_INSTANCE" // the instance's id, for log lines
	EnvRelease  = "SEGUE_RELEASE"  // name@version

	EnvData = "SEGUE_DATA" // the folder that it keeps its data in; not set where it has none
	EnvLink = "SEGUE_LINK" // the descriptor of the link to the host; not set where there is none

	ListenerName = "http"
	ListenFD     = 3
	// LinkFD is the module's end of the link, a SOCK_SEQPACKET socket.
	LinkFD = 5
)

// NonceHeader is the gRPC metadata key that carries the launch's nonce on every
// control call; a module refuses a call without it.
const NonceHeader = "segue-nonce"

// ReasonHeader is the gRPC trailer in which a module that answers NOT_SERVING says
// why, for the operator's eyes: UTF-8 of at most MaxReason bytes. It may be absent.
const (
	ReasonHeader = "segue-reason-bin"
	MaxReason    = 1024
)
