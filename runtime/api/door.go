package api

import (
	"net/http"
	"net/url"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// For how long a door may be closed, and clients told to wait. Whoever holds requests
// keeps their clients waiting; for longer there is maintenance.
const (
	maxHold        = 10 * time.Minute
	maxMaintenance = 30 * 24 * time.Hour
	maxRetryAfter  = 24 * time.Hour
)

// door is a change of a module's door; params are what may be in its query.
func (s *Server) door(state module.DoorState, params ...string) action {
	return func(c *call) error {
		o, err := doorOrderOf(c.r.URL.Query(), state, params)
		if err != nil {
			return err
		}
		o.Actor, o.Module = c.actor, c.r.PathValue("name")
		if err := s.cfg.Runtime.SetDoor(c.r.Context(), o); err != nil {
			return err
		}
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

func doorOrderOf(query url.Values, state module.DoorState, params []string) (o DoorOrder, err error) {
	if err := knownParams(query, params...); err != nil {
		return o, err
	}
	o.State, o.Message = state, query.Get("message")
	if err := isLine("message", o.Message); err != nil {
		return o, err
	}
	most := maxMaintenance
	if state == module.DoorHeld {
		most = maxHold
	}
	if o.For, err = seconds(query, "for", most); err != nil {
		return o, err
	}
	o.RetryAfter, err = seconds(query, "retry_after", maxRetryAfter)
	return o, err
}

// seconds reads a duration of at least a second and at most most; 0 where there is none.
func seconds(query url.Values, name string, most time.Duration) (time.Duration, error) {
	if !query.Has(name) {
		return 0, nil
	}
	text := query.Get(name)
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > most {
		return 0, &module.Error{Kind: module.Invalid, Field: name, Value: module.Clip(text, 80), Msg: "is no duration from 1s to " + most.String(), Hint: "write a number and a unit, such as 30s or 5m"}
	}
	return d, nil
}
