package api

import (
	"net/http"
	"slices"

	"github.com/segue-run/segue/runtime/module"
)

// RolloutList is the answer of GET /v1/modules/{name}/rollouts.
type RolloutList struct {
	Rollouts []module.RolloutStatus `json:"rollouts"`
}

func (s *Server) rollouts(c *call) error {
	query := c.r.URL.Query()
	if err := knownParams(query, "limit"); err != nil {
		return err
	}
	limit, err := limitOf(query)
	if err != nil {
		return err
	}
	all, err := s.past(c, limit)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, RolloutList{Rollouts: orEmpty(all)})
}

func (s *Server) rollout(c *call) error {
	if err := knownParams(c.r.URL.Query()); err != nil {
		return err
	}
	all, err := s.past(c, 0)
	if err != nil {
		return err
	}
	id := c.r.PathValue("id")
	i := slices.IndexFunc(all, func(r module.RolloutStatus) bool { return r.ID == id })
	if i < 0 {
		return &module.Error{Kind: module.NotFound, Field: "rollout", Value: id, Msg: "no such rollout is kept", Hint: "segue history " + c.r.PathValue("name") + " lists those that are"}
	}
	return c.json(http.StatusOK, all[i])
}

// past are the module's rollouts as this side may see them.
func (s *Server) past(c *call, limit int) ([]module.RolloutStatus, error) {
	leave, err := c.enterHistory()
	if err != nil {
		return nil, err
	}
	defer leave()
	all, err := s.cfg.Runtime.Rollouts(c.r.Context(), c.r.PathValue("name"), limit)
	if err != nil || c.side.local {
		return all, err
	}
	seen := make([]module.RolloutStatus, len(all))
	for i, r := range all {
		seen[i] = *published(&r)
	}
	return seen, nil
}

// seenBy is a module as a side may see it: who reads over TCP may neither open a preview
// nor see what users got.
func (sd *side) seenBy(m module.Status) module.Status {
	if !sd.local {
		m.Rollout = published(m.Rollout)
	}
	return m
}

// published is r without what opens its preview, and without examples of answers: they
// are users' data.
func published(r *module.RolloutStatus) *module.RolloutStatus {
	if r == nil || r.Preview == nil && r.Rehearsal == nil && r.Mirror == nil {
		return r
	}
	seen := *r
	if r.Preview != nil {
		seen.Preview = &module.Preview{Host: r.Preview.Host}
	}
	seen.Rehearsal, seen.Mirror = withoutExamples(r.Rehearsal), withoutExamples(r.Mirror)
	return &seen
}

func withoutExamples(c *module.Comparison) *module.Comparison {
	if c == nil {
		return nil
	}
	return &module.Comparison{Requests: c.Requests, Different: c.Different, MaxDifferences: c.MaxDifferences}
}
