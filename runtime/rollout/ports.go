package rollout

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// Instances starts processes.
type Instances interface {
	// Start brings the release up to where it serves, as one process or as several; it
	// blocks until then, and cleans up after itself when it fails or ctx ends.
	Start(ctx context.Context, id string, plan Plan) (Instance, error)
	// Secure sees to it that the release's artifact survives a power cut; it
	// blocks until it does.
	Secure(ctx context.Context, digest module.Digest) error
}

// ErrLoop is in what Probe answers, once, where members of a settled instance fall again
// and again. The others serve on.
var ErrLoop = errors.New("its processes fall in a loop")

// Instance is what runs of a release: one process, or several that serve together, its
// members. Until it is settled it is all of them: what befalls one befalls it. Its owner
// must Stop it.
type Instance interface {
	// PID is that of the process, or of the first member that runs.
	PID() int
	// Members are its processes where it may have several, in an order that stays; nil
	// for one process alone. It does not block for long.
	Members() []module.Member
	// Settle says that its release has stood every trial: from now on a member that ends
	// or is unwell is replaced while others serve. One process alone has nobody to.
	Settle()
	// Phases says how long each part of the start took, in order.
	Phases() []module.PhaseTime
	// Dial opens a connection to the module's HTTP listener.
	Dial(ctx context.Context) (net.Conn, error)
	// Probe asks once whether the instance is well: every member, until it is settled, and
	// then whether any is. An error of kind Quota says nothing of it: the host lacked what
	// it takes to ask.
	Probe(ctx context.Context) error
	// Drain tells the module that no new request will come; it does not wait for
	// those in flight. It may be called again.
	Drain(ctx context.Context) error
	// Stop asks the module to exit, kills it after the grace, and reaps it. It
	// reports whether it had to kill. It may be called on a dead process.
	Stop(ctx context.Context) (killed bool)
	// Done is closed when the process has ended, or one of several, or where it is settled
	// the last of them that served; then Exit says how in words, and Cause of what.
	Done() <-chan struct{}
	Exit() string
	Cause() module.DeathCause
	// Usage is what the processes have taken until now, together; it does not block for
	// long. An error where none is left.
	Usage() (module.Usage, error)
	// Sandbox is what holds each process in.
	Sandbox() module.Sandbox
	// Denials are what it has tried and may not, and the quotas it has reached: at most a
	// hundred, the first come first, each once with its count.
	Denials() []module.Denial
	// Deny adds to them what another part of the host refuses it. It does not block.
	Deny(d module.Denial)
}

// Traffic is the data plane as a rollout sees it. None of its methods blocks but
// Target.Drain.
type Traffic interface {
	// Target makes an instance routable; it gets no requests before Split names
	// it. observe is called after each of its requests and must not block.
	Target(id string, rel module.Release, inst Instance, observe func(Observation)) Target
	// Split makes s the whole of the module's traffic, at once. Requests that the
	// weights leave over, all of them where there are no shares, wait a moment for the
	// next Split: stable is being restarted.
	Split(name string, s Split) error
	// Remove takes the module out of the routes.
	Remove(name string)
}

// Split is how one module's requests are dealt.
type Split struct {
	Routes []manifest.Route
	Shares []Share
	// Preview gets the requests that ask for the preview; nil for none. It may have a
	// share as well, or none.
	Preview Target
	// Mirror gets copies of stable's requests as the policy's Mirror says; nil for
	// none.
	Mirror Target
	// Rollout is the id of the rollout under way, or of the one whose release is on trial;
	// empty where there is none. It seeds by which key falls to which side.
	Rollout string
	// Partial says that a side of the rollout was promised a share and is not up: what the
	// others get is no evidence.
	Partial bool
	// Cap is how many requests without an answer a share that is not stable's may have
	// in flight; 0 for any number. What is above it goes to stable.
	Cap int
	// Policy says what else: shield, stickiness, preview host, mirror, recording.
	Policy policy.Policy
}

// Target is an instance as the data plane sees it.
type Target interface {
	// Drain waits until no request is in flight: plain ones for at most so long, and
	// those whose answer is long, as a WebSocket's is, until theirs is over as well. What
	// is left by then, or when ctx ends, it cuts off, and says so. Call it after a Split
	// without the target.
	Drain(ctx context.Context, plain, long time.Duration) error
	// Close gives up the target's resources; after Drain.
	Close()
	// Usual is the 99th percentile of the target's own Wait; 0 if too little is known.
	Usual() time.Duration
	// Overdue is how many requests that were dealt to the target by chance have been
	// without an answer for longer than that.
	Overdue(than time.Duration) int
	// Rescued is how many of its failures another target has made good.
	Rescued() uint64
	// Mirrored is what the copies of stable's requests have shown of this target.
	Mirrored() module.Comparison
}

// Share is a target's part of the traffic, in basis points.
type Share struct {
	Target Target
	Weight manifest.Weight
	// Stable marks the target that takes over what another one cannot serve: stable, or
	// what was stable before while its successor is on trial.
	Stable bool
}

// Observation is one finished request.
type Observation struct {
	Failed bool          // 5xx, transport error or timeout; not a client that went away
	Wait   time.Duration // until the head of the answer: the module's own time
	// Took is from when it was dealt to its end; what was dealt before a step is no
	// evidence in it. Where it is less than Wait, Wait stands for it.
	Took time.Duration
	// Dealt says that chance (or a key's hash) gave the request to this target. Only
	// then is it evidence: a replay, a preview or a mirrored copy is not.
	Dealt bool
	// Key is the hash of what the user is known by; 0 where nobody is told apart.
	Key uint64
	// Gone: the client left before there was an answer. That is evidence only of one
	// that it had waited for too long.
	Gone bool
}

// Records keeps the modules' records.
type Records interface {
	// All gives every record with its revision.
	All(ctx context.Context) ([]Saved, error)
	// Save writes the record if the saved one still has the revision rev (0: if
	// there is none), durably, and gives the new revision. A lost race is an
	// error of kind Conflict.
	Save(ctx context.Context, rec Record, rev uint64) (uint64, error)
}

// Saved is a record with its revision.
type Saved struct {
	Record   Record
	Revision uint64
}

// History keeps rollouts that are over.
type History interface {
	// File keeps one durably, by its module and id. It may be asked again for the same
	// one; then the later word stands.
	File(ctx context.Context, past module.RolloutStatus) error
}

// Checks does what a rollout asks of the world before it goes on. Each method blocks
// until it is done or ctx ends. An error is a refusal in words. What speaks against the
// release is of kind Invalid, or Timeout or Conflict where the release itself was asked;
// any other says that it could not be asked.
type Checks interface {
	// Hook tells the URL that a rollout has come to a point and waits for its consent:
	// any 2xx. Only an error of kind Invalid is its refusal.
	Hook(ctx context.Context, url string, point policy.Point, status module.RolloutStatus) error
	// Check makes one request of the instance.
	Check(ctx context.Context, inst Instance, check policy.Check) error
	// Rehearse replays recent requests of the module's stable release on the instance
	// and compares the answers.
	Rehearse(ctx context.Context, name string, inst Instance, how policy.Rehearsal) (module.Comparison, error)
}

// Claims guards the routes between modules.
type Claims interface {
	// Claim reserves the release's routes, or refuses and names who has them.
	Claim(rel module.Release, routes []manifest.Route) error
	// Keep gives up what the module has claimed for other releases than these.
	Keep(name string, digests ...module.Digest)
}

// Log is where a rollout tells what happens.
type Log interface {
	// Emit tells an event; it never blocks.
	Emit(module.Event)
	// Audit writes an audit record durably before it returns.
	Audit(ctx context.Context, rec module.AuditRecord) error
	// Note writes an audit record soon; it never blocks.
	Note(rec module.AuditRecord)
}
