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

// ParseStrategy checks that s names a strategy.
func ParseStrategy(s string) (Strategy, error) {
	switch strategy := Strategy(s); strategy {
	case Gradual, Instant:
		return strategy, nil
	}
	return "", &Error{Value: s, Msg: "is no strategy", Hint: "write gradual or instant"}
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
	if r.MinErrors < 0 {
		wrong = append(wrong, &Error{Field: "min_errors", Value: strconv.Itoa(r.MinErrors), Msg: "is negative", Hint: "write how many failed requests it takes, or leave it out"})
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
	if r.MinErrors == 0 {
		r.MinErrors = base.MinErrors
	}
	return r
}
