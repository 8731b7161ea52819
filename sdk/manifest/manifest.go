package manifest

import "time"

// Manifest is what a module declares of itself. The zero value of an optional
// field means the default.
type Manifest struct {
	// Name is the module's name: 1 to 63 of a–z, 0–9 and '-', beginning with a
	// letter and not ending with '-'.
	Name string `yaml:"name" json:"name"`
	// Version is a semantic version 2.0.0 without a leading 'v'.
	Version string `yaml:"version" json:"version"`
	// Description is one line for people.
	Description string `yaml:"description,omitempty" json:"description,omitempty"`
	// Routes are the requests the module wants. At least one.
	Routes []Route `yaml:"routes" json:"routes"`
	// Health tunes the probes.
	Health Health `yaml:"health,omitempty" json:"health,omitzero"`
	// Rollout is the author's wish; the operator's configuration goes first.
	Rollout Rollout `yaml:"rollout,omitempty" json:"rollout,omitzero"`
}

// Route is a set of requests: those for Host (any, when empty) whose path is Path
// or lies below it, on segment borders.
type Route struct {
	Host string `yaml:"host,omitempty" json:"host,omitempty"`
	Path string `yaml:"path" json:"path"`
}

// Health says how the host finds out whether an instance is well. The standard
// gRPC health check is always asked; Path adds an HTTP GET that must answer 2xx.
type Health struct {
	Path     string   `yaml:"path,omitempty" json:"path,omitempty"`
	Interval Duration `yaml:"interval,omitempty" json:"interval,omitzero"`  // between probes, default 1s
	Timeout  Duration `yaml:"timeout,omitempty" json:"timeout,omitzero"`    // of one probe, default 1s
	Passes   int      `yaml:"passes,omitempty" json:"passes,omitempty"`     // in a row to be ready, default 2
	Failures int      `yaml:"failures,omitempty" json:"failures,omitempty"` // in a row to be out, default 3
	Deadline Duration `yaml:"deadline,omitempty" json:"deadline,omitzero"`  // to become ready, default 10s
}

// Rollout says how a module moves from one release to the next. It is written the
// same way in a manifest, in segue.yaml (at the top and under modules.NAME) and as
// flags of `segue deploy`.
type Rollout struct {
	Strategy Strategy `yaml:"strategy,omitempty" json:"strategy,omitempty"`
	// Steps are the candidate's weights, rising, the last 100 %.
	Steps []Weight `yaml:"steps,omitempty" json:"steps,omitempty"`
	// Hold is the least time at each step.
	Hold *Duration `yaml:"hold,omitempty" json:"hold,omitempty"`
	// MaxErrors is the share of the candidate's requests in a step that may fail.
	MaxErrors *Weight `yaml:"max_errors,omitempty" json:"max_errors,omitempty"`
	// MinErrors is how many must have failed before MaxErrors is looked at.
	MinErrors int `yaml:"min_errors,omitempty" json:"min_errors,omitempty"`
}

// Strategy is the way traffic moves from stable to candidate.
type Strategy string

// The strategies.
const (
	Gradual Strategy = "gradual" // step by step
	Instant Strategy = "instant" // healthy, then all at once
)

// Weight is a share in basis points, 0 to 10000. In YAML and in flags it is
// written as a percentage ("1%", "12.5%"), in JSON as the number of basis points.
type Weight uint16

// Full is the whole of the traffic.
const Full Weight = 10000

// Duration is a time.Duration that is written as Go writes it ("10s") in YAML and
// JSON.
type Duration time.Duration
