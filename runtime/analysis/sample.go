package analysis

import (
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Sample is what was seen of one side.
type Sample struct {
	Requests uint64 `json:"requests"` // answered, and those that are overdue
	Errors   uint64 `json:"errors"`   // of these: 5xx, transport errors and timeouts
	Slow     uint64 `json:"slow"`     // of these: above the slowness threshold, or overdue
}

// Step is what both sides have shown while the candidate had one share of the
// requests, dealt to it by chance.
type Step struct {
	Share     manifest.Weight `json:"share"` // the chance that a request was the candidate's
	Stable    Sample          `json:"stable"`
	Candidate Sample          `json:"candidate"`
}

// Limits are what is tolerated.
type Limits struct {
	MaxErrors   manifest.Weight // share of the candidate's requests that may fail, whatever stable does
	MaxSlow     manifest.Weight // share that may be slow, whatever stable does
	MinRequests uint64          // of the candidate in its current step, before it may pass
}

// Finding is what the counts say, and how strongly.
type Finding struct {
	// Verdict is Fail, Pass (proven to be no worse) or Inconclusive.
	Verdict module.Verdict
	// Reason says in words why it fails, or what is missing to pass.
	Reason string
	// Errors and Slow are how much of what it takes to fail has come together, 0 to 1.
	Errors, Slow float64
	// Uncontrolled marks a Fail with nothing beside the candidate that would have
	// shown trouble from elsewhere. Where stable can be given a share again, Compare
	// can tell whose fault it is.
	Uncontrolled bool
}
