package module

import "github.com/segue-run/segue/sdk/manifest"

// RouteStatus is a route that is served.
type RouteStatus struct {
	Module  string            `json:"module"`
	Host    string            `json:"host,omitempty"` // empty for any
	Path    string            `json:"path"`
	Methods []string          `json:"methods,omitempty"` // none for all
	Headers map[string]string `json:"headers,omitempty"` // manifest.AnyValue for any value
	// Preview says that it leads to the module's candidate alone.
	Preview bool `json:"preview,omitempty"`
	Strip   bool `json:"strip,omitempty"`
	// Timeouts are those that hold for this route and not in general, by the names that a
	// manifest has for them; "none" is for ever.
	Timeouts map[string]string `json:"timeouts,omitempty"`
	MaxBody  manifest.Size     `json:"max_body,omitzero"`
	// Limits are those of the route alone; its module's hold as well.
	Limits manifest.Limits `json:"limits,omitzero"`
}
