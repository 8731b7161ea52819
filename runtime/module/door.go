package module

import (
	"time"

	"github.com/segue-run/segue/sdk/manifest"
)

// DoorState is whether a module's requests come in.
type DoorState string

// The states of a door.
const (
	DoorOpen        DoorState = "open"
	DoorHeld        DoorState = "held"        // requests wait until it opens
	DoorMaintenance DoorState = "maintenance" // requests are refused
)

// Door is an operator's hand on a module's requests. It stays over restarts of the
// runtime, and over releases.
type Door struct {
	State DoorState `json:"state"`
	Since time.Time `json:"since"`
	// Until is when it opens by itself; zero where an operator has to open it.
	Until time.Time `json:"until,omitzero"`
	// Message is for the clients that are refused; empty for words of ours.
	Message string `json:"message,omitempty"`
	// RetryAfter is what those clients are told; 0 for what is left until Until.
	RetryAfter manifest.Duration `json:"retry_after,omitempty"`
	Actor      string            `json:"actor"` // who closed it
}
