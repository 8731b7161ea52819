package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// maxLimit is the most events or records that one answer holds.
const maxLimit = 1000

const (
	// maxHistories is how many answers with events or records the TCP side has in its
	// hands at once.
	maxHistories = 4
	// historyWait is how long a request waits to be one of them.
	historyWait = time.Second
)

// ModuleList is the answer of GET /v1/modules.
type ModuleList struct {
	Modules []module.Status `json:"modules"`
}

// RouteList is the answer of GET /v1/routes.
type RouteList struct {
	Routes []module.RouteStatus `json:"routes"`
}

// EventList is the answer of GET /v1/events.
type EventList struct {
	Events []module.Event `json:"events"`
}

// AuditList is the answer of GET /v1/audit.
type AuditList struct {
	Records []module.AuditRecord `json:"records"`
}

// Health is the answer of GET /healthz and, where it is well, of GET /readyz.
type Health struct {
	Status string `json:"status"`
}

func (s *Server) modules(c *call) error {
	if err := knownParams(c.r.URL.Query()); err != nil {
		return err
	}
	all, err := s.cfg.Runtime.Modules(c.r.Context())
	if err != nil {
		return err
	}
	seen := make([]module.Status, len(all))
	for i, m := range all {
		seen[i] = c.side.seenBy(m)
	}
	return c.json(http.StatusOK, ModuleList{Modules: seen})
}

func (s *Server) module(c *call) error {
	if err := knownParams(c.r.URL.Query()); err != nil {
		return err
	}
	status, err := s.cfg.Runtime.Module(c.r.Context(), c.r.PathValue("name"))
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, c.side.seenBy(status))
}

func (s *Server) routes(c *call) error {
	if err := knownParams(c.r.URL.Query()); err != nil {
		return err
	}
	all, err := s.cfg.Runtime.Routes(c.r.Context())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, RouteList{Routes: orEmpty(all)})
}

func (s *Server) audit(c *call) error {
	query := c.r.URL.Query()
	if err := knownParams(query, "module", "limit"); err != nil {
		return err
	}
	limit, err := limitOf(query)
	if err != nil {
		return err
	}
	leave, err := c.enterHistory()
	if err != nil {
		return err
	}
	defer leave()
	records, err := s.cfg.Runtime.Audit(c.r.Context(), query.Get("module"), limit)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, AuditList{Records: orEmpty(records)})
}

func (s *Server) info(c *call) error {
	return c.json(http.StatusOK, s.cfg.Runtime.Info())
}

func (s *Server) healthz(c *call) error {
	return c.json(http.StatusOK, Health{Status: "ok"})
}

func (s *Server) readyz(c *call) error {
	if err := s.cfg.Runtime.Ready(); err != nil {
		return &statusError{http.StatusServiceUnavailable, &module.Error{
			Kind: module.Unavailable, Msg: "not ready", Err: err,
		}}
	}
	return c.json(http.StatusOK, Health{Status: "ready"})
}

func (s *Server) metrics(c *call) error {
	s.cfg.Metrics.ServeHTTP(c.w, c.r)
	return nil
}

// enterHistory waits for a turn to read a history and answer it, on the side where
// anybody may ask. leave ends the turn.
func (c *call) enterHistory() (leave func(), err error) {
	if c.side.local {
		return func() {}, nil
	}
	patience := time.NewTimer(historyWait)
	defer patience.Stop()
	select {
	case c.side.histories <- struct{}{}:
		return func() { <-c.side.histories }, nil
	case <-c.r.Context().Done():
		return nil, c.r.Context().Err()
	case <-patience.C:
		c.w.Header().Set("Retry-After", "1")
		return nil, &module.Error{Kind: module.Unavailable, Msg: "too many are reading the history", Hint: "ask again in a second"}
	}
}

// knownParams refuses a query with a parameter that is misspelt or stands twice.
func knownParams(query url.Values, known ...string) error {
	for name, values := range query {
		switch {
		case !slices.Contains(known, name):
			return &module.Error{Kind: module.Invalid, Field: name, Value: values[0], Msg: "no such parameter", Hint: "GET /v1/openapi.json lists them all"}
		case len(values) > 1:
			return &module.Error{Kind: module.Invalid, Field: name, Value: values[1], Msg: "given more than once", Hint: "give it once"}
		}
	}
	return nil
}

func limitOf(query url.Values) (int, error) {
	text := query.Get("limit")
	if text == "" {
		return 0, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxLimit {
		return 0, &module.Error{Kind: module.Invalid, Field: "limit", Value: text, Msg: fmt.Sprintf("not a number from 1 to %d", maxLimit), Hint: "leave it out for the default"}
	}
	return limit, nil
}

// orEmpty makes JSON say [] and not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
