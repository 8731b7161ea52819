package policy

import (
	"github.com/segue-run/segue/sdk/manifest"
)

// Policy is how a module's rollouts go. A field that is nil or zero is unset, and left
// to what Over puts under it; a list that is empty but not nil, and a hook that is
// empty, are set to nothing. What Complete gives leaves nothing open. It is kept in a
// rollout's record, so that a change of configuration does not bend a rollout that is
// under way.
type Policy struct {
	// Rollout is what an author may suggest as well; the rest is the operator's.
	manifest.Rollout `yaml:",inline"`

	// Window is how long the replaced release stays warm after the promotion.
	Window *manifest.Duration `json:"window,omitempty"`
	// OnNew is what a new release means while a rollout is under way.
	OnNew OnNew `json:"on_new,omitempty"`
	// SlowFactor times stable's own 99th percentile is slow, in hundredths (150 is
	// 1.5 times), and never less than SlowFloor.
	SlowFactor int                `json:"slow_factor,omitempty"`
	SlowFloor  *manifest.Duration `json:"slow_floor,omitempty"`
	// Overdue is when a request without an answer counts as failed beside stable, and as
	// slow where nothing is known of stable's latency.
	Overdue *manifest.Duration `json:"overdue,omitempty"`
	// MaxErrorsAlone is the share of requests of a release that may fail while it has
	// no stable beside it to be compared with.
	MaxErrorsAlone *manifest.Weight `json:"max_errors_alone,omitempty"`

	Shield Shield `json:"shield,omitzero"`
	// Sticky keeps a user on one release during a rollout.
	Sticky Sticky `json:"sticky,omitempty"`
	// PreviewHost is the host name under which the candidate is seen before and during
	// its rollout; empty for none.
	PreviewHost string `json:"preview_host,omitempty"`

	Mirror    Mirror    `json:"mirror,omitzero"`
	Rehearsal Rehearsal `json:"rehearsal,omitzero"`
	// MaxDifferences is the share of compared answers (mirror, rehearsal) that may
	// differ from stable's; 100 % only shows them.
	MaxDifferences *manifest.Weight `json:"max_differences,omitempty"`

	// Checks are made of a candidate before it gets traffic.
	Checks []Check `json:"checks,omitempty"`
	// Hooks are called, by point: a URL each.
	Hooks map[Point]string `json:"hooks,omitempty"`
	// HookTimeout is how long one hook or check may take.
	HookTimeout *manifest.Duration `json:"hook_timeout,omitempty"`
	// Approvals are the points at which an operator must approve.
	Approvals []Point `json:"approvals,omitempty"`
	// ApprovalTimeout is how long a rollout waits for an approval before it is given up.
	ApprovalTimeout *manifest.Duration `json:"approval_timeout,omitempty"`
	// Freeze are the windows in which nothing widens by itself.
	Freeze []Window `json:"freeze,omitempty"`
	// Signs are the weights of evidence beyond requests: a candidate goes when their
	// sum reaches 100 %.
	Signs map[Sign]manifest.Weight `json:"signs,omitempty"`
}

// OnNew is what a new release means while a rollout is under way.
type OnNew string

// The ways to treat it.
const (
	Supersede OnNew = "supersede" // it takes the place of the rollout
	Queue     OnNew = "queue"     // it waits for the rollout's end; of several the latest
)

// Point is a moment of a rollout at which hooks are called and approvals asked.
type Point string

// The points, in their order. The two after the end cannot stop anything.
const (
	BeforeStart    Point = "before_start"   // the release is accepted, no process runs
	BeforeTraffic  Point = "before_traffic" // it is warm, checked and rehearsed
	EachStep       Point = "each_step"      // a step has passed, the next would begin
	AfterPromotion Point = "after_promotion"
	AfterRollback  Point = "after_rollback"
)

// Sign is a kind of evidence beyond requests.
type Sign string

// The signs.
const (
	Crash      Sign = "crash"      // the process ended by itself
	OOM        Sign = "oom"        // it was killed, or ended, for lack of memory
	Sandbox    Sign = "sandbox"    // it broke a rule of its sandbox
	Probes     Sign = "probes"     // as many probes in a row failed as the manifest's failures
	Restart    Sign = "restart"    // it had to be started again, on top of why
	Memory     Sign = "memory"     // it takes much more memory than stable
	Difference Sign = "difference" // more answers differ from stable's than MaxDifferences
	Denial     Sign = "denial"     // it tried what it may not, and stable did not
	Quota      Sign = "quota"      // it reached a quota, and stable did not; or ended of one
)

// Sticky is by what a user is known: "none", "cookie" or "header NAME".
type Sticky string

// Shield says what of a candidate's failures stable makes good.
type Shield struct {
	// Enabled is "on" or "off".
	Enabled Switch `json:"enabled,omitempty"`
	// Routes are opted in beyond GET, HEAD and OPTIONS, which are always shielded.
	Routes []Match `json:"routes,omitempty"`
	// Budget is the share of the module's requests that may be replays.
	Budget *manifest.Weight `json:"budget,omitempty"`
}

// Switch is "on", "off", or unset.
type Switch string

// The positions.
const (
	On  Switch = "on"
	Off Switch = "off"
)

// Match selects requests by method and path prefix; an empty Method is any.
// It is written "POST /orders" or "/orders".
type Match struct {
	Method string `json:"method,omitempty"`
	Path   string `json:"path"`
}

// Mirror says which of stable's requests are copied to a candidate that has no traffic.
type Mirror struct {
	Share   *manifest.Weight `json:"share,omitempty"`   // 0 is off
	Matches []Match          `json:"matches,omitempty"` // none is GET and HEAD everywhere
}

// Rehearsal replays stable's recent GETs on a candidate before its first user.
type Rehearsal struct {
	Requests *int `json:"requests,omitempty"` // how many at most; 0 is off
	// Ignore are JSON paths ("$.time", "$.items[*].id") that may differ.
	Ignore []string `json:"ignore,omitempty"`
	// Headers of an answer that matter beside Content-Type.
	Headers []string `json:"headers,omitempty"`
	// Keep are request headers that are recorded beside the harmless ones. Requests
	// with credentials (Authorization, Cookie) are recorded only where these are named.
	Keep []string `json:"keep,omitempty"`
}

// Check is one request to a candidate before its traffic: "GET /healthz 200". A
// Status of 0 accepts any below 400.
type Check struct {
	Method string `json:"method"`
	Path   string `json:"path"` // with query, if any
	Status int    `json:"status,omitempty"`
}

// Window is a time in which nothing widens: a weekly one, "Fri 16:00 - Mon 08:00", or
// one of dates, "2026-12-24 - 2027-01-02", in the local zone or with one at its end
// ("Europe/Berlin").
type Window string
