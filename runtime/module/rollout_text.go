package module

import (
	"errors"
	"strconv"
	"strings"

	"github.com/segue-run/segue/sdk/manifest"
)

// RolloutFields are the fields of a manifest.Rollout as people write them: in
// segue.yaml, in flags and in queries.
var RolloutFields = []string{"strategy", "steps", "hold", "limit", "max_errors", "max_slow", "min_requests", "unproven"}

// SetRollout sets one field of r from its text; steps are separated by commas. It
// gives an Invalid error that names the field.
func SetRollout(r *manifest.Rollout, field, text string) error {
	one, err := parseRolloutField(field, text)
	if err == nil {
		err = one.Validate()
	}
	if err != nil {
		return invalidField(field, text, err)
	}
	*r = one.Over(*r)
	return nil
}

// CheckRollout checks the fields of r that are set, each and together. It gives an
// Invalid error that names the first field that is wrong.
func CheckRollout(r manifest.Rollout) error {
	err := r.Validate()
	for _, problem := range manifest.Problems(err) {
		return &Error{Kind: Invalid, Field: problem.Field, Value: problem.Value, Msg: problem.Msg, Hint: problem.Hint}
	}
	return err
}

// CheckWish is CheckRollout for what somebody says of one deploy: there steps belong
// to a gradual rollout alone.
func CheckWish(r manifest.Rollout) error {
	if len(r.Steps) > 0 && r.Strategy != "" && r.Strategy != manifest.Gradual {
		return &Error{Kind: Invalid, Field: "steps", Value: RolloutText(r)["steps"], Msg: "go with the strategy gradual; " + string(r.Strategy) + " has none", Hint: "leave out one of the two"}
	}
	return CheckRollout(r)
}

// parseRolloutField is a rollout with this field alone.
func parseRolloutField(field, text string) (r manifest.Rollout, err error) {
	switch field {
	case "strategy":
		r.Strategy, err = manifest.ParseStrategy(text)
	case "steps":
		if text == "" {
			return r, &manifest.Error{Msg: "are none", Hint: "write shares that end with 100%, such as 1%,25%,100%, or leave it out"}
		}
		for part := range strings.SplitSeq(text, ",") {
			step, err := manifest.ParseWeight(part)
			if err != nil {
				return r, err
			}
			r.Steps = append(r.Steps, step)
		}
	case "hold":
		var hold manifest.Duration
		hold, err = manifest.ParseDuration(text)
		r.Hold = &hold
	case "limit":
		var limit manifest.Duration
		limit, err = manifest.ParseDuration(text)
		r.Limit = &limit
	case "max_errors":
		var share manifest.Weight
		share, err = manifest.ParseWeight(text)
		r.MaxErrors = &share
	case "max_slow":
		var share manifest.Weight
		share, err = manifest.ParseWeight(text)
		r.MaxSlow = &share
	case "min_requests":
		if r.MinRequests, err = strconv.Atoi(text); err != nil || r.MinRequests < 1 {
			err = &manifest.Error{Value: text, Msg: "is no count", Hint: "write how many requests a step needs, such as 50"}
		}
	case "unproven":
		r.Unproven, err = manifest.ParseUnproven(text)
	default:
		err = &manifest.Error{Value: text, Msg: "is no field of a rollout", Hint: "the fields are " + strings.Join(RolloutFields, ", ")}
	}
	return r, err
}

// invalidField is err as an error about a field whose whole text is known.
func invalidField(field, text string, err error) error {
	e := &Error{Kind: Invalid, Field: field, Value: text, Msg: err.Error()}
	if problem, ok := errors.AsType[*manifest.Error](err); ok {
		e.Msg, e.Hint = problem.Msg, problem.Hint
		if problem.Value != "" && problem.Value != text {
			e.Msg = problem.Value + " " + problem.Msg
		}
	}
	return e
}

// RolloutText is the fields that r sets, each as SetRollout reads it.
func RolloutText(r manifest.Rollout) map[string]string {
	text := map[string]string{}
	if r.Strategy != "" {
		text["strategy"] = string(r.Strategy)
	}
	if len(r.Steps) > 0 {
		steps := make([]string, len(r.Steps))
		for i, step := range r.Steps {
			steps[i] = step.String()
		}
		text["steps"] = strings.Join(steps, ",")
	}
	if r.Hold != nil {
		text["hold"] = r.Hold.String()
	}
	if r.MaxErrors != nil {
		text["max_errors"] = r.MaxErrors.String()
	}
	if r.Limit != nil {
		text["limit"] = r.Limit.String()
	}
	if r.MaxSlow != nil {
		text["max_slow"] = r.MaxSlow.String()
	}
	if r.MinRequests != 0 {
		text["min_requests"] = strconv.Itoa(r.MinRequests)
	}
	if r.Unproven != "" {
		text["unproven"] = string(r.Unproven)
	}
	return text
}
