package manifest

import (
	"errors"
	"fmt"
	"strconv"
)

// Rollout says how a module moves from one release to the next. It is written the
// same way in a manifest, in segue.yaml (at the top and under modules.NAME) and as
// flags of `segue deploy`.
type Rollout struct {
	Strategy Strategy `yaml:"strategy,omitempty" json:"strategy,omitempty"`
	// Steps are the candidate's weights, rising, the last 100 %.
	Steps []Weight `yaml:"steps,omitempty" json:"steps,omitempty"`
	// Hold is the least time at each step.
	Hold *Duration `yaml:"hold,omitempty" json:"hold,omitempty"`
	// Limit is the most time at a step without proof that the candidate is no worse;
	// then Unproven says how it goes on.
	Limit *Duration `yaml:"limit,omitempty" json:"limit,omitempty"`
	// MaxErrors is the share of the candidate's requests that may fail, whatever
	// stable does.
	MaxErrors *Weight `yaml:"max_errors,omitempty" json:"max_errors,omitempty"`
	// MaxSlow is the share that may be slower than stable's own high quantile allows.
	MaxSlow *Weight `yaml:"max_slow,omitempty" json:"max_slow,omitempty"`
	// MinRequests is how many requests the candidate must have answered in a step
	// before it may pass for no worse.
	MinRequests int `yaml:"min_requests,omitempty" json:"min_requests,omitempty"`
	// Unproven is what happens at a step's limit where the traffic proves nothing.
	Unproven Unproven `yaml:"unproven,omitempty" json:"unproven,omitempty"`
}

// Unproven is what becomes of a step that ends without evidence either way.
type Unproven string

// The ways to go on.
const (
	Proceed Unproven = "proceed" // on good probes, and the record says "unproven"
	Wait    Unproven = "hold"    // pause until there is evidence, or an operator says so
	GiveUp  Unproven = "abort"   // take the candidate back, without blame
)

// ParseUnproven checks that s is one of the ways.
func ParseUnproven(s string) (Unproven, error) {
	switch u := Unproven(s); u {
	case Proceed, Wait, GiveUp:
		return u, nil
	}
	return "", &Error{Value: s, Msg: "is no way to go on without evidence", Hint: "write proceed, hold or abort"}
}

// Strategy is the way traffic moves from stable to candidate.
type Strategy string

// The strategies.
const (
	Gradual Strategy = "gradual" // step by step
	Instant Strategy = "instant" // healthy, then all at once
	// Bluegreen: at full strength beside stable, seen only through the preview,
	// checked there, then all at once.
	Bluegreen Strategy = "bluegreen"
)

// ParseStrategy checks that s names a strategy.
func ParseStrategy(s string) (Strategy, error) {
	switch strategy := Strategy(s); strategy {
	case Gradual, Instant, Bluegreen:
		return strategy, nil
	}
	return "", &Error{Value: s, Msg: "is no strategy", Hint: "write gradual, instant or bluegreen"}
}

// maxSteps bounds a rollout; a hundred is one per cent at a time.
const maxSteps = 100

// Validate checks the fields that are set; the zero Rollout is valid. Every Error
// it gives names its field, "steps[1]" for one.
func (r Rollout) Validate() error {
	var wrong []error
	if r.Strategy != "" {
		if _, err := ParseStrategy(string(r.Strategy)); err != nil {
			wrong = append(wrong, at("strategy", err))
		}
	}
	wrong = append(wrong, checkSteps(r.Steps))
	if r.Hold != nil && *r.Hold < 0 {
		wrong = append(wrong, &Error{Field: "hold", Value: r.Hold.String(), Msg: "is negative", Hint: "write 0s for no hold"})
	}
	if r.MaxErrors != nil && *r.MaxErrors > Full {
		wrong = append(wrong, &Error{Field: "max_errors", Value: r.MaxErrors.String(), Msg: "is more than the whole", Hint: "write at most 100%"})
	}
	if r.Limit != nil && *r.Limit <= 0 {
		wrong = append(wrong, &Error{Field: "limit", Value: r.Limit.String(), Msg: "is no time", Hint: "write how long a step may last without proof, such as 5m"})
	}
	if r.Limit != nil && r.Hold != nil && *r.Limit < *r.Hold {
		wrong = append(wrong, &Error{Field: "limit", Value: r.Limit.String(), Msg: "is shorter than the hold (" + r.Hold.String() + ")", Hint: "write a limit that is at least the hold"})
	}
	if r.MaxSlow != nil && *r.MaxSlow > Full {
		wrong = append(wrong, &Error{Field: "max_slow", Value: r.MaxSlow.String(), Msg: "is more than the whole", Hint: "write at most 100%"})
	}
	if r.MinRequests < 0 {
		wrong = append(wrong, &Error{Field: "min_requests", Value: strconv.Itoa(r.MinRequests), Msg: "is negative", Hint: "write how many requests a step needs, or leave it out"})
	}
	if r.Unproven != "" {
		if _, err := ParseUnproven(string(r.Unproven)); err != nil {
			wrong = append(wrong, at("unproven", err))
		}
	}
	return errors.Join(wrong...)
}

func checkSteps(steps []Weight) error {
	if len(steps) == 0 {
		return nil
	}
	if len(steps) > maxSteps {
		return &Error{Field: "steps", Value: strconv.Itoa(len(steps)), Msg: "are too many", Hint: fmt.Sprintf("write at most %d", maxSteps)}
	}
	var before Weight
	for i, step := range steps {
		field := fmt.Sprintf("steps[%d]", i)
		if step > Full {
			return &Error{Field: field, Value: step.String(), Msg: "is more than the whole", Hint: "write at most 100%"}
		}
		if step <= before {
			return &Error{Field: field, Value: step.String(), Msg: "does not rise", Hint: "write each step higher than the one before (" + before.String() + ")"}
		}
		before = step
	}
	if before != Full {
		return &Error{Field: fmt.Sprintf("steps[%d]", len(steps)-1), Value: before.String(), Msg: "is not the whole", Hint: "end the steps with 100%"}
	}
	return nil
}

// Over is r with what it leaves unset taken from base.
func (r Rollout) Over(base Rollout) Rollout {
	if r.Strategy == "" {
		r.Strategy = base.Strategy
	}
	if len(r.Steps) == 0 {
		r.Steps = base.Steps
	}
	if r.Hold == nil {
		r.Hold = base.Hold
	}
	if r.MaxErrors == nil {
		r.MaxErrors = base.MaxErrors
	}
	if r.Limit == nil {
		r.Limit = base.Limit
	}
	if r.MaxSlow == nil {
		r.MaxSlow = base.MaxSlow
	}
	if r.MinRequests == 0 {
		r.MinRequests = base.MinRequests
	}
	if r.Unproven == "" {
		r.Unproven = base.Unproven
	}
	return r
}
