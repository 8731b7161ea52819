package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
	"github.com/segue-run/segue/runtime/module"
)

func TestADoorIsClosedAndOpenedByTheActorsOfTheSocket(t *testing.T) {
	var asked []api.DoorOrder
	rt := &apitest.Runtime{OnDoor: func(o api.DoorOrder) error {
		asked = append(asked, o)
		return nil
	}}
	rt.Put(shifting())
	s := serve(t, rt, api.Config{})
	order := func(state module.DoorState) api.DoorOrder {
		return api.DoorOrder{Actor: apitest.Root, Module: "hello", State: state}
	}
	hold, closed, whole := order(module.DoorHeld), order(module.DoorMaintenance), order(module.DoorMaintenance)
	hold.For = 90 * time.Second
	whole.For, whole.Message, whole.RetryAfter = 720*time.Hour, "Back at noon.", 5*time.Minute
	for path, want := range map[string]api.DoorOrder{
		"hold": order(module.DoorHeld), "hold?for=1m30s": hold, "maintenance": closed, "open": order(module.DoorOpen),
		"maintenance?for=720h&message=Back+at+noon.&retry_after=5m": whole,
	} {
		asked = nil
		if got := s.over(t, true, http.MethodPost, "/v1/modules/hello/"+path, ""); got.status != http.StatusNoContent {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		if len(asked) != 1 || asked[0] != want {
			t.Errorf("%s: got %+v, want %+v", path, asked, want)
		}
	}
}

func TestAWrongOrderForADoorIsRefusedBeforeTheRuntimeHearsOfIt(t *testing.T) {
	rt := &apitest.Runtime{OnDoor: func(api.DoorOrder) error { t.Error("reached the runtime"); return nil }}
	rt.Put(shifting())
	s := serve(t, rt, api.Config{})
	for path, field := range map[string]string{
		"hold?for=":                   "for",
		"hold?for=0s":                 "for",
		"hold?for=-5s":                "for",
		"hold?for=999ms":              "for",
		"hold?for=11m":                "for",
		"hold?for=soon":               "for",
		"hold?for=1s&for=2s":          "for",
		"hold?message=x":              "message",
		"open?for=1s":                 "for",
		"maintenance?for=721h":        "for",
		"maintenance?retry_after=0":   "retry_after",
		"maintenance?retry_after=25h": "retry_after",
		"maintenance?message=a%0ab":   "message",
		"maintenance?message=%1b[2J":  "message",
		"maintenance?message=" + strings.Repeat("a", 501): "message",
	} {
		if p := s.over(t, true, http.MethodPost, "/v1/modules/hello/"+path, "").problem(t); p.Status != http.StatusBadRequest || p.Field != field || p.Hint == "" {
			t.Errorf("%s: got %+v", path, p)
		}
	}
	if p := s.over(t, true, http.MethodPost, "/v1/modules/nobody/hold", "").problem(t); p.Status != http.StatusNotFound {
		t.Errorf("got %+v", p)
	}
}
