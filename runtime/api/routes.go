package api

import (
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/segue-run/segue/runtime/module"
)

// action answers one call, or says why not.
type action func(c *call) error

// Route is one method on one path of the API.
type Route struct {
	Method string
	Path   string // with {name} for a module's name and {id} for a rollout's id
	// Change is set where the route changes something: it is served over the local
	// socket alone, and its call has an actor.
	Change bool

	act action
}

// Routes are all routes of the API, in the order of the document.
func (s *Server) Routes() []Route {
	return []Route{
		{http.MethodGet, "/v1/modules", false, s.modules},
		{http.MethodGet, "/v1/modules/{name}", false, s.module},
		{http.MethodDelete, "/v1/modules/{name}", true, verb(s.cfg.Runtime.Remove)},
		{http.MethodPost, "/v1/modules/{name}/promote", true, verb(s.cfg.Runtime.Promote, "rollout")},
		{http.MethodPost, "/v1/modules/{name}/abort", true, verb(s.cfg.Runtime.Abort, "rollout")},
		{http.MethodPost, "/v1/modules/{name}/pause", true, verb(s.cfg.Runtime.Pause, "rollout", "reason")},
		{http.MethodPost, "/v1/modules/{name}/resume", true, verb(s.cfg.Runtime.Resume, "rollout")},
		{http.MethodPost, "/v1/modules/{name}/approve", true, verb(s.cfg.Runtime.Approve, "rollout", "point")},
		{http.MethodPost, "/v1/modules/{name}/revoke", true, verb(s.cfg.Runtime.Revoke)},
		{http.MethodPost, "/v1/modules/{name}/rollback", true, verb(s.cfg.Runtime.Rollback, "stepped")},
		{http.MethodPost, "/v1/modules/{name}/hold", true, s.door(module.DoorHeld, "for")},
		{http.MethodPost, "/v1/modules/{name}/maintenance", true, s.door(module.DoorMaintenance, "for", "message", "retry_after")},
		{http.MethodPost, "/v1/modules/{name}/open", true, s.door(module.DoorOpen)},
		{http.MethodGet, "/v1/modules/{name}/rollouts", false, s.rollouts},
		{http.MethodGet, "/v1/modules/{name}/rollouts/{id}", false, s.rollout},
		{http.MethodGet, "/v1/routes", false, s.routes},
		{http.MethodPost, "/v1/deploy", true, s.deploy},
		{http.MethodGet, "/v1/events", false, s.events},
		{http.MethodGet, "/v1/audit", false, s.audit},
		{http.MethodGet, "/v1/info", false, s.info},
		{http.MethodGet, "/v1/openapi.json", false, s.openapi},
		{http.MethodGet, "/healthz", false, s.healthz},
		{http.MethodGet, "/readyz", false, s.readyz},
		{http.MethodGet, "/metrics", false, s.metrics},
	}
}

// handler serves all routes for one side. Nothing that ServeMux answers by itself
// gets out: it sees no path to redirect and no method to refuse.
func (s *Server) handler(sd *side) http.Handler {
	byPath := map[string]map[string]action{}
	for _, rt := range s.Routes() {
		if byPath[rt.Path] == nil {
			byPath[rt.Path] = map[string]action{}
		}
		act := rt.act
		if rt.Change {
			act = s.asActor(act)
		}
		byPath[rt.Path][rt.Method] = act
	}
	mux := http.NewServeMux()
	for pattern, methods := range byPath {
		if get, ok := methods[http.MethodGet]; ok {
			methods[http.MethodHead] = get
		}
		mux.Handle(pattern, s.answer(sd, byMethod(methods)))
	}
	unknown := s.answer(sd, notFound)
	mux.Handle("/", unknown)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Clean(r.URL.Path) != r.URL.Path {
			unknown.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// byMethod picks the action by the method.
func byMethod(methods map[string]action) action {
	allow := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
	return func(c *call) error {
		act, ok := methods[c.r.Method]
		if !ok {
			c.w.Header().Set("Allow", allow)
			return &statusError{http.StatusMethodNotAllowed, &module.Error{
				Kind: module.Invalid, Field: "method", Value: c.r.Method,
				Msg: "not a method of " + c.r.URL.Path, Hint: "use " + allow,
			}}
		}
		return act(c)
	}
}

func notFound(c *call) error {
	return &module.Error{
		Kind: module.NotFound, Field: "path", Value: c.r.URL.Path,
		Msg: "no such path", Hint: "GET /v1/openapi.json lists them all",
	}
}
