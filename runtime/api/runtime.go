package api

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Runtime is what the API needs of the host. All methods may be called from many
// goroutines and end early when ctx does. Their errors are shown to the operator:
// a *module.Error says the kind, the field and what to do.
type Runtime interface {
	// Modules are all modules that are known, sorted by name.
	Modules(ctx context.Context) ([]module.Status, error)
	// Module is one module; module.NotFound if there is none of that name.
	Module(ctx context.Context, name string) (module.Status, error)

	// Routes are those that are served, by host, path, and the order in which they are
	// asked; those of previews where the one who asks could change things.
	Routes(ctx context.Context) ([]module.RouteStatus, error)

	// Deploy offers an executable. It returns when the offer is accepted and its
	// rollout has begun, or is refused. Where the same bytes already serve or are
	// already on their way it answers the rollout that brought or brings them. Of a
	// release that is queued it answers one without ID, in the phase pending, whose
	// Waiting is For "queue".
	Deploy(ctx context.Context, actor module.Actor, in DeployInput) (module.RolloutStatus, error)
	// Promote finishes the running rollout now; module.Conflict if none runs.
	Promote(ctx context.Context, o Order) error
	// Abort takes the candidate back; module.Conflict if no rollout runs.
	Abort(ctx context.Context, o Order) error
	// Pause holds the running rollout where it is, for a reason or none, until Resume,
	// Promote or Abort; module.Conflict if none runs or it is paused already.
	Pause(ctx context.Context, o Order) error
	// Resume lets a paused rollout go on; module.Conflict if none is paused.
	Resume(ctx context.Context, o Order) error
	// Approve gives the approval that the running rollout waits for; module.Conflict if
	// it waits for none. Where none runs, the Point "grant" gives what serves the
	// permissions that it was withheld, from its next process on.
	Approve(ctx context.Context, o Order) error
	// Revoke takes back the permissions that operators have approved for the module, from
	// each process's next start on; module.Conflict if there are none.
	Revoke(ctx context.Context, o Order) error
	// Rollback goes back to the previous release, at once or Stepped;
	// module.Conflict if there is none.
	Rollback(ctx context.Context, o Order) error
	// Remove drains and stops the module and forgets what serves.
	Remove(ctx context.Context, o Order) error

	// SetDoor holds a module's requests, refuses them for maintenance, or lets them in
	// again; module.Conflict where it is to be opened and is open. It says so in
	// Status.Door.
	SetDoor(ctx context.Context, o DoorOrder) error

	// Rollouts are the module's newest limit rollouts of those that are kept, newest
	// first: the one under way, if there is one, and those that are over. 0 means all.
	// module.NotFound if there is no module of that name.
	Rollouts(ctx context.Context, name string, limit int) ([]module.RolloutStatus, error)

	// History is the newest filter.Limit events after filter.After, oldest first; fewer
	// where they are large.
	History(ctx context.Context, filter module.EventFilter) ([]module.Event, error)
	// Follow yields history and then what happens, without a gap, until ctx ends
	// or the consumer stops. With filter.After set the history is every event
	// after it, whatever filter.Limit says; else the newest filter.Limit. An error
	// is the last thing it yields.
	Follow(ctx context.Context, filter module.EventFilter) iter.Seq2[module.Event, error]
	// Audit are the newest limit audit records, oldest first; fewer where they are
	// large. 0 means 200. With a name they are those of that module and its releases.
	Audit(ctx context.Context, name string, limit int) ([]module.AuditRecord, error)

	// Ready is nil when the runtime carries traffic for all it is meant to.
	Ready() error
	// Info says which runtime this is.
	Info() Info
}

// Order is what an actor asks of one module.
type Order struct {
	Actor  module.Actor
	Module string
	// Rollout, where it is set, is the id of the rollout that the order is for: it is
	// refused with module.Conflict where that one is not under way. See
	// module.RolloutStatus.UnderWay.
	Rollout string
	// Point is what an Approve is for, a point, "freeze", "evidence", or "grant" or
	// "without" of permissions: it is refused with module.Conflict where the rollout waits
	// for another. Empty for whichever it is, but for evidence and permissions.
	Point string
	// Reason is why, in the actor's words; of Pause.
	Reason string
	// Stepped makes a Rollback go back as a rollout came: step by step, and judged.
	Stepped bool
}

// DoorOrder is what an actor asks of one module's door.
type DoorOrder struct {
	Actor  module.Actor
	Module string
	State  module.DoorState
	// For is when it opens by itself, from now; 0 for never, but of DoorHeld for the
	// default of 30 s.
	For time.Duration
	// Message and RetryAfter are for the clients that are refused; of DoorMaintenance.
	Message    string
	RetryAfter time.Duration // 0 for the rest of For, or a minute
}

// DeployInput is one offer of an executable through the API.
type DeployInput struct {
	// Source is the executable's bytes. Read it to io.EOF before any of it is
	// believed: an upload that breaks off ends in another error. It is valid only
	// during the call.
	Source io.Reader
	// FileName is the base name of the file for people; may be empty.
	FileName string
	// Sidecar is the manifest that stood beside the executable; empty for the one
	// embedded in it.
	Sidecar []byte
	// Rollout goes over the configuration and the manifest for this deploy alone.
	Rollout manifest.Rollout
	// Force lifts the quarantine of these bytes.
	Force bool
}

// Info says which runtime answers.
type Info struct {
	Version    string    `json:"version"`
	Started    time.Time `json:"started"`
	PID        int       `json:"pid"`
	ListenAddr string    `json:"listen_addr"`        // where traffic comes in
	TLSAddr    string    `json:"tls_addr,omitempty"` // the same over TLS; empty for nowhere
	AdminAddr  string    `json:"admin_addr"`         // where reads, health and metrics are served over TCP
	ModulesDir string    `json:"modules_dir"`
	StateDir   string    `json:"state_dir"`
	// Sandbox is the level that a module reaches here.
	Sandbox module.Level `json:"sandbox"`
}
