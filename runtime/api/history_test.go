package api_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
	"github.com/segue-run/segue/runtime/module"
)

// busy is a runtime whose histories are read until the test lets them go.
type busy struct {
	*apitest.Runtime
	entered chan struct{}
	gate    chan struct{}
}

func (b busy) read(ctx context.Context) error {
	b.entered <- struct{}{}
	select {
	case <-b.gate:
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (b busy) History(ctx context.Context, f module.EventFilter) ([]module.Event, error) {
	return nil, b.read(ctx)
}

func (b busy) Audit(ctx context.Context, name string, limit int) ([]module.AuditRecord, error) {
	return nil, b.read(ctx)
}

func TestAFewReadTheHistoryOverTCPAtOnceAndOthersAreAskedToComeAgain(t *testing.T) {
	rt := busy{new(apitest.Runtime), make(chan struct{}), make(chan struct{})}
	s := serveAs(t, rt, api.Config{})
	var readers sync.WaitGroup
	read := func(local bool, path string) {
		readers.Go(func() {
			if got := s.over(t, local, http.MethodGet, path, ""); got.status != http.StatusOK {
				t.Errorf("%s: status %d: %s", path, got.status, got.body)
			}
		})
		<-rt.entered
	}
	for range 2 {
		read(false, "/v1/events")
		read(false, "/v1/audit")
	}
	for _, path := range []string{"/v1/events", "/v1/audit"} {
		got := s.over(t, false, http.MethodGet, path, "")
		if p := got.problem(t); got.status != http.StatusServiceUnavailable || p.Kind != module.Unavailable || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: status %d, Retry-After %q, %+v", path, got.status, got.header.Get("Retry-After"), p)
		}
	}
	read(true, "/v1/events") // those on the local side do not wait for strangers
	if got := s.over(t, false, http.MethodGet, "/healthz", ""); got.status != http.StatusOK {
		t.Errorf("healthz: %d", got.status)
	}
	close(rt.gate)
	readers.Wait()
	read(false, "/v1/audit")
	readers.Wait()
}

func TestALimitAboveAThousandIsRefused(t *testing.T) {
	s := serve(t, new(apitest.Runtime), api.Config{})
	for _, path := range []string{"/v1/events", "/v1/audit"} {
		if got := s.get(t, path+"?limit=1000"); got.status != http.StatusOK {
			t.Errorf("%s: a limit of 1000: %s", path, got.body)
		}
		if got := s.get(t, path+"?limit=1001"); got.status != http.StatusBadRequest {
			t.Errorf("%s: a limit of 1001: %d", path, got.status)
		}
	}
}
