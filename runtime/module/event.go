package module

import "time"

// EventType is what happened, as a dotted word.
type EventType string

// The events. Those of an offer name the file; those of a rollout name the rollout.
const (
	OfferWaiting    EventType = "offer.waiting"    // a file is not whole yet and has been so for long
	OfferRefused    EventType = "offer.refused"    // a file or upload is no acceptable release; nothing changed
	OfferAccepted   EventType = "offer.accepted"   // a release was validated; a rollout follows
	OfferSuperseded EventType = "offer.superseded" // it waited in the queue, and a newer release has its place now
	OfferUnchanged  EventType = "offer.unchanged"  // the release already serves or is already on its way

	RolloutStarting   EventType = "rollout.starting"    // the candidate's process is being started
	RolloutWarming    EventType = "rollout.warming"     // it runs; probes must pass
	RolloutStep       EventType = "rollout.step"        // the candidate's weight was set
	RolloutPromoted   EventType = "rollout.promoted"    // the candidate is stable now
	RolloutTried      EventType = "rollout.tried"       // what came without steps has stood its trial
	RolloutRolledBack EventType = "rollout.rolled-back" // the candidate was taken back
	RolloutFailed     EventType = "rollout.failed"      // the candidate never got traffic
	RolloutAborted    EventType = "rollout.aborted"     // an operator or a newer offer ended it
	RolloutResumed    EventType = "rollout.resumed"     // the host restarted in the middle and goes on
	RolloutWaiting    EventType = "rollout.waiting"     // it waits for a hook, an approval, evidence, …; the reason says what
	RolloutPaused     EventType = "rollout.paused"      // an operator holds it where it is
	RolloutContinued  EventType = "rollout.continued"   // what it waited for has come, or an operator let it go on
	RolloutSign       EventType = "rollout.sign"        // evidence beyond requests
	RolloutQueued     EventType = "rollout.queued"      // a new release waits for the rollout's end
	HookFailed        EventType = "hook.failed"         // one after the end, which stops nothing
	ReleaseQuarantine EventType = "release.quarantined" // it is not tried again until told so

	InstanceStarted EventType = "instance.started" // a process is up (a restart of stable, or at boot)
	InstanceCrashed EventType = "instance.crashed" // a process ended by itself
	InstanceUnwell  EventType = "instance.unwell"  // probes fail
	InstanceStopped EventType = "instance.stopped" // a process was stopped; says if it had to be killed

	ModuleDeactivated EventType = "module.deactivated" // it has no stable release any more
	ModuleFailing     EventType = "module.failing"     // stable cannot be kept up

	ModuleHeld        EventType = "module.held"        // an operator has its requests wait
	ModuleMaintenance EventType = "module.maintenance" // an operator has its requests refused
	ModuleOpened      EventType = "module.opened"      // its requests come in again

	ModuleDenied EventType = "module.denied" // it tried what it may not, or reached a quota

	HostStarted  EventType = "host.started"
	HostStopping EventType = "host.stopping"

	EventsLost EventType = "events.lost" // some events before this one are not in the history
)

// Event is one thing that happened, for people and machines to follow.
type Event struct {
	Seq      uint64    `json:"seq"` // rising, given by the store; 0 before
	Time     time.Time `json:"time"`
	Type     EventType `json:"type"`
	Module   string    `json:"module,omitempty"`
	Version  string    `json:"version,omitempty"`
	Digest   Digest    `json:"digest,omitempty"`
	Rollout  string    `json:"rollout,omitempty"`  // the rollout's id
	Instance string    `json:"instance,omitempty"` // the instance's id
	File     string    `json:"file,omitempty"`     // the watched file's name
	Actor    string    `json:"actor,omitempty"`
	Weight   *int      `json:"weight,omitempty"` // the candidate's, in basis points
	Reason   string    `json:"reason,omitempty"` // why, where something was refused or taken back
	Message  string    `json:"message"`          // one line for people
}

// EventFilter selects events; a zero field selects all.
type EventFilter struct {
	Module string
	After  uint64 // only events with a higher Seq
	Limit  int    // the newest so many; 0 for the default of 200
}

// AuditRecord is one change, or one refused attempt at a change.
type AuditRecord struct {
	Seq     uint64    `json:"seq"`
	Time    time.Time `json:"time"`
	Actor   Actor     `json:"actor"`
	Action  string    `json:"action"` // "deploy", "promote", "abort", "rollback", "remove", "deactivate", …
	Target  string    `json:"target"` // "hello" or "hello@1.1.0"
	Digest  Digest    `json:"digest,omitempty"`
	Outcome string    `json:"outcome"` // "accepted"; "refused"; "denied", of what a module tried
	Reason  string    `json:"reason,omitempty"`
	Prev    string    `json:"prev"` // hash of the record before, hex; empty for the first
	Hash    string    `json:"hash"` // SHA-256 over this record without Hash, hex
}
