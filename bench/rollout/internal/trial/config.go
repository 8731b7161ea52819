package trial

import (
	"math/rand/v2"
	"time"

	"github.com/segue-run/segue/bench/rollout/internal/traffic"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// Candidate is how the new release differs from stable.
type Candidate struct {
	Fails float64 // chance that it fails a request which stable would not
	Hangs bool    // it never answers
	Wait  traffic.Wait
}

// Config describes a rollout.
type Config struct {
	Traffic traffic.Config
	// Wait is how long stable takes. Where it is zero every answer comes at once,
	// on both sides, and nothing is slow.
	Wait      traffic.Wait
	Candidate Candidate
	Policy    policy.Policy
	// Sticky deals by a hash of the request's key; each key is one request in a step,
	// and fails once at most.
	Sticky bool
	// Cap is how many of the candidate's requests may be without an answer in the
	// first step; 0 for any number.
	Cap int
	// Doubts is how often a verdict against a candidate that has all the requests is
	// looked into at the step before, with stable beside it, instead of followed.
	Doubts int
	// Look is called after each verdict that was asked for, which are more then; nil
	// for nothing.
	Look func(candidate uint64, f analysis.Finding)
	// Always asks for a verdict after every answer, not only after those that can
	// change it.
	Always bool
}

// Ending is how a rollout ended.
type Ending string

// The endings.
const (
	Promoted   Ending = "promoted"
	RolledBack Ending = "rolled back"
)

// Result is what one rollout was.
type Result struct {
	Ending   Ending
	Reason   string // of the verdict, where it was rolled back
	Took     time.Duration
	Requests uint64 // of both sides
	Unproven int    // steps that went on at their limit
	Doubts   int    // verdicts that were looked into with stable beside the candidate
	// Candidate is how many requests were the candidate's, Failed how many of them
	// it failed or left without an answer.
	Candidate uint64
	Failed    uint64
	// Seen are the failures that reached a user where every request may be
	// replayed, SeenMixed where 70 of 100 may.
	Seen, SeenMixed uint64
}

// idempotent is the part of the requests that may be replayed in mixed traffic.
const idempotent = 0.7

// fate decides what becomes of requests, by their numbers alone.
type fate struct{ salt uint64 }

// Independent questions about one request.
const (
	askFails uint64 = iota + 1
	askIdempotent
	askDealt
)

func (f fate) chance(ask, n uint64) float64 {
	return float64(traffic.Mix(f.salt^ask<<56^n)>>11) / (1 << 53)
}

// dealer deals requests to the two sides at one step.
type dealer struct {
	share manifest.Weight
	slots *balance.Slots
	fate  fate
	byKey bool
}

func newDealer(cfg *Config, share manifest.Weight, draw *rand.Rand, f fate) dealer {
	d := dealer{share: share, fate: f, byKey: cfg.Sticky}
	if !d.byKey {
		d.slots = balance.NewSeededSlots(draw, int(share), int(manifest.Full-share))
	}
	return d
}

// toCandidate reports whether the request is the candidate's. A key that was stays
// so while the share rises.
func (d dealer) toCandidate(r traffic.Request) bool {
	if d.byKey {
		return d.fate.chance(askDealt, uint64(r.Key)) < float64(d.share)/float64(manifest.Full)
	}
	return d.slots.Next() == 0
}
