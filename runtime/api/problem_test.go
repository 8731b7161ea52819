package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
	"github.com/segue-run/segue/runtime/module"
)

// direct asks a handler without a socket and gives the status.
func direct(h http.Handler, host string) int {
	req := httptest.NewRequest(http.MethodGet, "/healthz", nil)
	req.Host = host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w.Code
}

func TestEachKindHasItsStatus(t *testing.T) {
	for kind, status := range map[module.Kind]int{
		module.Invalid: 400, module.Denied: 403, module.NotFound: 404, module.Conflict: 409, module.Quota: 429,
		module.Internal: 500, module.Unavailable: 503, module.Timeout: 504,
	} {
		p := api.ProblemOf(fmt.Errorf("do it: %w", &module.Error{Kind: kind, Field: "f", Value: "v", Msg: "m", Hint: "h", Err: errors.New("c")}))
		want := api.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: "do it: m: c", Kind: kind, Field: "f", Value: "v", Hint: "h"}
		if p != want {
			t.Errorf("got %+v, want %+v", p, want)
		}
		if back := p.Err(); module.KindOf(back) != kind || back.Error() != `f "v": do it: m: c; h` {
			t.Errorf("back as %v", back)
		}
	}
}

func TestAnErrorWithoutAKindIsInternalAndADeadlineATimeout(t *testing.T) {
	if p := api.ProblemOf(errors.New("boom")); p.Kind != module.Internal || p.Status != 500 || p.Detail != "boom" {
		t.Errorf("got %+v", p)
	}
	if p := api.ProblemOf(fmt.Errorf("wait: %w", context.DeadlineExceeded)); p.Kind != module.Timeout || p.Status != 504 {
		t.Errorf("got %+v", p)
	}
}

// broken is a runtime whose list of modules fails.
type broken struct{ *apitest.Runtime }

func (broken) Modules(context.Context) ([]module.Status, error) {
	return nil, errors.New("open /var/lib/secret: no such file")
}

func TestAStrangerIsNotToldOfTheInside(t *testing.T) {
	s, err := api.New(api.Config{
		Runtime: broken{new(apitest.Runtime)}, Socket: "x", Metrics: http.NotFoundHandler(), Address: "127.0.0.1:1",
		Actor: func(*http.Request) (module.Actor, error) { return apitest.Root, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for tells, side := range map[bool]http.Handler{true: s.Local(), false: s.Public()} {
		req := httptest.NewRequest(http.MethodGet, "/v1/modules", nil)
		req.Host = "127.0.0.1"
		w := httptest.NewRecorder()
		side.ServeHTTP(w, req)
		if w.Code != 500 || strings.Contains(w.Body.String(), "secret") != tells {
			t.Errorf("tells %v: %d %s", tells, w.Code, w.Body)
		}
	}
}
