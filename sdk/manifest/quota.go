package manifest

// Quotas are what a module takes at most. A zero field is unset.
type Quotas struct {
	// Memory is what its processes may hold together.
	Memory Size `yaml:"memory,omitempty" json:"memory,omitempty"`
	// CPU is how many processors' time it may take.
	CPU Processors `yaml:"cpu,omitempty" json:"cpu,omitempty"`
	// CPUTime is how much processor time one process may take in its whole life. It is
	// for jobs; a server that lives long reaches any.
	CPUTime Duration `yaml:"cpu_time,omitempty" json:"cpu_time,omitzero"`
	// OpenFiles is how many descriptors one process may have open.
	OpenFiles int `yaml:"open_files,omitempty" json:"open_files,omitempty"`
	// Processes is how many processes and threads it may have together.
	Processes int `yaml:"processes,omitempty" json:"processes,omitempty"`
	// FileSize is how big one file may become that it writes.
	FileSize Size `yaml:"file_size,omitempty" json:"file_size,omitempty"`
	// Storage is how much its data folder may hold.
	Storage Size `yaml:"storage,omitempty" json:"storage,omitempty"`
	// LogLines is how many lines a second reach the runtime's log.
	LogLines int `yaml:"log_lines,omitempty" json:"log_lines,omitempty"`
	// Requests is how many requests it may have in flight.
	Requests int `yaml:"requests,omitempty" json:"requests,omitempty"`
}

// Size is a number of bytes, written with KiB, MiB, GiB or TiB.
type Size uint64

// Processors is a part of the machine's processor time, in thousandths of one processor;
// it is written in processors: "0.5", "2".
type Processors int
