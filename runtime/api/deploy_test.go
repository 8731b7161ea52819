package api_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// taking is a runtime that takes every offer whose bytes arrive whole.
func taking(offers chan<- apitest.Offer) *apitest.Runtime {
	return &apitest.Runtime{OnDeploy: func(o apitest.Offer) (module.RolloutStatus, error) {
		offers <- o
		if o.ReadErr != nil {
			return module.RolloutStatus{}, fmt.Errorf("stage: %w", o.ReadErr)
		}
		return module.RolloutStatus{ID: "r1", Module: "hello", To: "1.1.0"}, nil
	}}
}

func TestADeployHandsOverTheBytesAndTheWish(t *testing.T) {
	offers := make(chan apitest.Offer, 1)
	s := serve(t, taking(offers), api.Config{})
	got := s.over(t, true, http.MethodPost,
		"/v1/deploy?file=hello-1.1.0&force=true&strategy=gradual&steps=1%25,25%25,100%25&hold=10s&limit=5m&max_errors=2.5%25&max_slow=10%25&min_requests=4&unproven=hold",
		"ELF bytes", "Content-Type", "application/octet-stream")
	if got.status != http.StatusAccepted || got.header.Get("Location") != "/v1/modules/hello" || !strings.Contains(got.body, `"id":"r1"`) {
		t.Fatalf("%d %s %s", got.status, got.header, got.body)
	}
	o := <-offers
	if string(o.Bytes) != "ELF bytes" || o.Actor.String() != "user:root" || o.Input.FileName != "hello-1.1.0" || !o.Input.Force || o.Input.Sidecar != nil {
		t.Errorf("got %+v", o)
	}
	want := map[string]string{"strategy": "gradual", "steps": "1%,25%,100%", "hold": "10s", "limit": "5m0s", "max_errors": "2.5%", "max_slow": "10%", "min_requests": "4", "unproven": "hold"}
	if text := module.RolloutText(o.Input.Rollout); fmt.Sprint(text) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", text, want)
	}
}

func TestADeployWithoutAWishHasNone(t *testing.T) {
	offers := make(chan apitest.Offer, 1)
	s := serve(t, taking(offers), api.Config{})
	if got := s.over(t, true, http.MethodPost, "/v1/deploy", "x"); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if o := <-offers; len(module.RolloutText(o.Input.Rollout)) != 0 || o.Input.Force || o.Input.FileName != "" {
		t.Errorf("got %+v", o)
	}
}

// part is one part of a form.
type part struct{ name, text string }

func form(t *testing.T, parts ...part) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		field, err := w.CreateFormFile(p.name, "x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(field, p.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

func TestAManifestBesideTheExecutableIsAPartBeforeIt(t *testing.T) {
	offers := make(chan apitest.Offer, 1)
	s := serve(t, taking(offers), api.Config{})
	body, contentType := form(t, part{api.ManifestPart, "name: hello"}, part{api.ExecutablePart, "#!/bin/sh"})
	if got := s.over(t, true, http.MethodPost, "/v1/deploy", body, "Content-Type", contentType); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if o := <-offers; string(o.Input.Sidecar) != "name: hello" || string(o.Bytes) != "#!/bin/sh" {
		t.Errorf("got %+v", o)
	}
}

func TestAWrongDeployIsRefusedBeforeTheRuntimeHearsOfIt(t *testing.T) {
	rt := &apitest.Runtime{OnDeploy: func(apitest.Offer) (module.RolloutStatus, error) {
		t.Error("reached the runtime")
		return module.RolloutStatus{}, nil
	}}
	s := serve(t, rt, api.Config{MaxSidecar: 8})
	swapped, swappedType := form(t, part{api.ExecutablePart + "s", "x"}, part{api.ManifestPart, "y"})
	huge, hugeType := form(t, part{api.ManifestPart, "name: hello"}, part{api.ExecutablePart, "x"})
	alone, aloneType := form(t, part{api.ManifestPart, "n: h"})
	for name, c := range map[string]struct {
		query, body, contentType, field string
		status                          int
	}{
		"a strategy":        {"strategy=yolo", "x", "", "strategy", 400},
		"steps":             {"steps=50%25", "x", "", "steps", 400},
		"falling steps":     {"steps=50%25,20%25,100%25", "x", "", "steps", 400},
		"steps past all":    {"steps=50%25,150%25", "x", "", "steps", 400},
		"instant steps":     {"strategy=instant&steps=50%25,100%25", "x", "", "steps", 400},
		"a negative hold":   {"hold=-1s", "x", "", "hold", 400},
		"no limit":          {"limit=0s", "x", "", "limit", 400},
		"a limit below":     {"hold=1m&limit=1s", "x", "", "limit", 400},
		"a word":            {"unproven=maybe", "x", "", "unproven", 400},
		"the operator's":    {"shield.enabled=off", "x", "", "shield.enabled", 400},
		"a hold":            {"hold=soon", "x", "", "hold", 400},
		"force":             {"force=maybe", "x", "", "force", 400},
		"a path as a file":  {"file=../hello", "x", "", "file", 400},
		"a parent as file":  {"file=..", "x", "", "file", 400},
		"an escape in file": {"file=%1b[2Jhello", "x", "", "file", 400},
		"a misspelt word":   {"strateggy=instant", "x", "", "strateggy", 400},
		"a web form":        {"", "a=b", "application/x-www-form-urlencoded", "Content-Type", 415},
		"JSON":              {"", "{}", "application/json", "Content-Type", 415},
		"no boundary":       {"", "x", "multipart/form-data", "body", 400},
		"no parts":          {"", "", "multipart/form-data; boundary=b", "body", 400},
		"a strange part":    {"", swapped, swappedType, "part", 400},
		"a large manifest":  {"", huge, hugeType, "manifest", 413},
		"no executable":     {"", alone, aloneType, "body", 400},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.over(t, true, http.MethodPost, "/v1/deploy?"+c.query, c.body, "Content-Type", c.contentType)
			if p := got.problem(t); p.Status != c.status || p.Field != c.field || p.Hint == "" {
				t.Errorf("got %+v", p)
			}
		})
	}
}

func TestTheRuntimesRefusalComesBackWithItsKind(t *testing.T) {
	rt := &apitest.Runtime{OnDeploy: func(apitest.Offer) (module.RolloutStatus, error) {
		return module.RolloutStatus{}, &module.Error{Kind: module.Conflict, Field: "routes[0].path", Value: "/hello", Msg: "belongs to greeter", Hint: "take another path"}
	}}
	s := serve(t, rt, api.Config{})
	p := s.over(t, true, http.MethodPost, "/v1/deploy", "x").problem(t)
	if p.Status != http.StatusConflict || p.Field != "routes[0].path" || p.Value != "/hello" || p.Detail != "belongs to greeter" || p.Hint != "take another path" {
		t.Errorf("got %+v", p)
	}
}

func TestAnExecutableOverTheLimitIsNeverWhole(t *testing.T) {
	offers := make(chan apitest.Offer, 2)
	s := serve(t, taking(offers), api.Config{MaxArtifact: 10})
	if p := s.over(t, true, http.MethodPost, "/v1/deploy", "12345678901").problem(t); p.Status != http.StatusRequestEntityTooLarge || p.Field != api.ExecutablePart || !strings.Contains(p.Detail, "10 bytes") {
		t.Errorf("got %+v", p)
	}
	if o := <-offers; o.ReadErr == nil {
		t.Errorf("the runtime saw %q as whole", o.Bytes)
	}
	if got := s.over(t, true, http.MethodPost, "/v1/deploy", "1234567890"); got.status != http.StatusAccepted {
		t.Errorf("what just fits: %d %s", got.status, got.body)
	}
	if o := <-offers; string(o.Bytes) != "1234567890" || o.ReadErr != nil {
		t.Errorf("got %q, %v", o.Bytes, o.ReadErr)
	}
}

func TestAnUploadThatBreaksOffIsNeverWhole(t *testing.T) {
	offers := make(chan apitest.Offer, 1)
	s := serve(t, taking(offers), api.Config{})
	for name, head := range map[string]string{
		"by length": "Content-Length: 100\r\n\r\nELF",
		"chunked":   "Transfer-Encoding: chunked\r\n\r\n3\r\nELF\r\n",
		"in a form": "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"executable\"; filename=\"x\"\r\n\r\nELF",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("unix", s.Socket)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, "POST /v1/deploy HTTP/1.1\r\nHost: segue\r\n"+head); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			select {
			case o := <-offers:
				if o.ReadErr == nil || errors.Is(o.ReadErr, io.EOF) || module.KindOf(o.ReadErr) != module.Invalid {
					t.Errorf("the runtime saw %q with %v", o.Bytes, o.ReadErr)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("the runtime never saw the offer")
			}
		})
	}
}

func TestAFormThatLosesItsEndIsNeverWhole(t *testing.T) {
	offers := make(chan apitest.Offer, 1)
	s := serve(t, taking(offers), api.Config{})
	body, contentType := form(t, part{api.ExecutablePart, "ELF bytes"})
	p := s.over(t, true, http.MethodPost, "/v1/deploy", body[:len(body)-30], "Content-Type", contentType).problem(t)
	if o := <-offers; o.ReadErr == nil || p.Status != http.StatusBadRequest || p.Field != "body" {
		t.Errorf("the runtime saw %q with %v; answer %+v", o.Bytes, o.ReadErr, p)
	}
}

func TestAnInstantRolloutNeedsNoSteps(t *testing.T) {
	offers := make(chan apitest.Offer, 1)
	s := serve(t, taking(offers), api.Config{})
	if got := s.over(t, true, http.MethodPost, "/v1/deploy?strategy=instant", "x"); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if o := <-offers; o.Input.Rollout.Strategy != manifest.Instant || o.Input.Rollout.Steps != nil {
		t.Errorf("got %+v", o.Input.Rollout)
	}
}
