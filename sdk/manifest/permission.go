package manifest

// Permissions are what a module asks for beyond answering its requests. Each list may
// be empty; a module that asks for nothing gets nothing. What the operator grants of
// them is written the same way.
type Permissions struct {
	// Read are files and folders, with all below them, that it may read: absolute
	// paths, or paths that begin with DataFolder or TempFolder.
	Read []string `yaml:"read,omitempty" json:"read,omitempty"`
	// Write are files and folders that it may read, write, create and remove in.
	Write []string `yaml:"write,omitempty" json:"write,omitempty"`
	// Connect are the TCP addresses that it may dial: HOST:PORT, where HOST is a name,
	// "*.example.com", an address or a network ("10.0.0.0/8"), and PORT a number or "*".
	Connect []string `yaml:"connect,omitempty" json:"connect,omitempty"`
	// Listen are the TCP addresses that it may listen on: ADDRESS:PORT; an empty
	// ADDRESS is every one of the machine's.
	Listen []string `yaml:"listen,omitempty" json:"listen,omitempty"`
	// Env are names of variables of the runtime's own environment that it may see.
	Env []string `yaml:"env,omitempty" json:"env,omitempty"`
	// Exec are the programs, by absolute path, that it may start.
	Exec []string `yaml:"exec,omitempty" json:"exec,omitempty"`
	// Capabilities of other modules that it may call: NAME@VERSION.
	Capabilities []string `yaml:"capabilities,omitempty" json:"capabilities,omitempty"`
	// Tenants whose data it may see, by their id; "*" is every one.
	Tenants []string `yaml:"tenants,omitempty" json:"tenants,omitempty"`
}

// The placeholders of a path: a module's own folders. They need no grant.
const (
	DataFolder = "{data}" // kept over releases and restarts
	TempFolder = "{tmp}"  // of one process, removed with it
)
