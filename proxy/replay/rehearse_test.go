package replay_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy/replay"
)

// page is stable's answer to a path.
func page(path string) string { return fmt.Sprintf(`{"path":%q,"total":1}`, path) }

func serve(text func(path string) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", asJSON)
		_, _ = io.WriteString(w, text(r.URL.Path))
	}
}

func recordings(n int) (recs []replay.Recording) {
	for i := range n {
		path := fmt.Sprint("/", i)
		recs = append(recs, get(path, answer(200, asJSON, page(path))))
	}
	return recs
}

func TestACandidateThatAnswersAsStableDidHasNoDifference(t *testing.T) {
	compared, err := replay.Rehearse(t.Context(), module(t, serve(page)), recordings(50), replay.Rules{}, replay.Options{})
	if err != nil || compared.Requests != 50 || compared.Different != 0 || compared.Examples != nil {
		t.Errorf("got %+v, %v", compared, err)
	}
}

func TestWhatACandidateAnswersOtherwiseIsCountedAndShown(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	candidate := module(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/1":
			w.WriteHeader(http.StatusBadGateway)
		case "/2":
			http.NotFound(w, r)
		case "/3":
			serve(func(path string) string { return strings.Replace(page(path), "1", "2", -1) })(w, r)
		case "/4":
			select {
			case <-release:
			case <-r.Context().Done():
			}
		case "/5":
			panic(http.ErrAbortHandler)
		default:
			serve(page)(w, r)
		}
	})
	recs := recordings(8)
	recs[6].Query = "email=someone"
	recs[6].Answer = answer(200, "text/plain", "x")
	compared, err := replay.Rehearse(t.Context(), candidate, recs, replay.Rules{}, replay.Options{Timeout: 500 * time.Millisecond})
	if err != nil || compared.Requests != 8 || compared.Different != 6 {
		t.Errorf("got %+v, %v", compared, err)
	}
	var got []string
	for _, e := range compared.Examples {
		got = append(got, e.Request+" "+e.What+": "+e.Stable+", "+e.Candidate)
	}
	want := []string{
		"GET /1 answer: 200, 502",
		"GET /2 status: 200, 404",
		"GET /3 $.total: 1, 2",
		"GET /4 answer: 200, none within 500ms",
		"GET /5 answer: 200, none: EOF",
		"GET /6 header Content-Type: text/plain, application/json",
		"GET /6 body: 1 bytes, sha256 " + sum("x") + ", 23 bytes, sha256 " + sum(page("/6")),
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAFailureThatStableHadAsWellIsNone(t *testing.T) {
	candidate := module(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	recs := []replay.Recording{get("/", answer(503, "", ""))}
	if compared, err := replay.Rehearse(t.Context(), candidate, recs, replay.Rules{}, replay.Options{}); err != nil || compared.Different != 0 {
		t.Errorf("got %+v, %v", compared, err)
	}
}

func TestExamplesAreFewAndOfManyKinds(t *testing.T) {
	candidate := module(t, serve(func(string) string { return `{"a":1,"b":2,"c":3,"d":4,"e":5}` }))
	compared, err := replay.Rehearse(t.Context(), candidate, recordings(50), replay.Rules{}, replay.Options{})
	if err != nil || compared.Different != 50 || len(compared.Examples) != 9 {
		t.Errorf("got %+v, %v", compared, err)
	}
	kinds := map[string]int{}
	for _, e := range compared.Examples {
		kinds[e.What]++
	}
	if len(kinds) != 3 || kinds["$.a"] != 3 {
		t.Errorf("got %v", kinds)
	}
}

func TestWhatChangesWithoutTheCandidateIsNoDifferenceWhereStableIsAskedAgain(t *testing.T) {
	var clock atomic.Int64
	fresh := func(extra string) http.HandlerFunc {
		return serve(func(path string) string {
			if path == "/gone" {
				return "gone"
			}
			return fmt.Sprintf(`{"time":%d,"stock":4%s}`, clock.Add(1), extra)
		})
	}
	stable := module(t, fresh(""))
	recs := []replay.Recording{get("/item", answer(200, asJSON, `{"time":0,"stock":5}`)), get("/gone", answer(200, asJSON, `{}`))}
	for name, c := range map[string]struct {
		candidate http.HandlerFunc
		differ    string
	}{
		"the same":  {fresh(""), ""},
		"one more":  {fresh(`,"more":true`), "$.more: (none), true"},
		"a failure": {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) }, "answer: 200, 500; answer: 200, 500"},
	} {
		t.Run(name, func(t *testing.T) {
			compared, err := replay.Rehearse(t.Context(), module(t, c.candidate), recs, replay.Rules{}, replay.Options{Stable: stable})
			var found []replay.Difference
			for _, e := range compared.Examples {
				found = append(found, e.Difference)
			}
			if err != nil || told(found) != c.differ {
				t.Errorf("got %q, %v, want %q", told(found), err, c.differ)
			}
		})
	}
}

func TestARehearsalAsksSoManyAtOnce(t *testing.T) {
	var now, most atomic.Int64
	var full sync.WaitGroup
	full.Add(3)
	candidate := module(t, func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if r.URL.Path == "/0" || r.URL.Path == "/1" || r.URL.Path == "/2" {
			full.Done()
			full.Wait() // three are here at once, or the test never ends
		}
		serve(page)(w, r)
	})
	compared, err := replay.Rehearse(t.Context(), candidate, recordings(30), replay.Rules{}, replay.Options{Concurrency: 3, Timeout: patience})
	if err != nil || compared.Different != 0 || most.Load() != 3 {
		t.Errorf("%d at once: %+v, %v", most.Load(), compared, err)
	}
}

func TestARehearsalThatIsCutShortGivesWhatItHas(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	candidate := module(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/3" {
			cancel()
			<-r.Context().Done()
			return
		}
		serve(page)(w, r)
	})
	compared, err := replay.Rehearse(ctx, candidate, recordings(50), replay.Rules{}, replay.Options{Concurrency: 1})
	if !errors.Is(err, context.Canceled) || compared.Requests != 3 || compared.Different != 0 {
		t.Errorf("got %+v, %v", compared, err)
	}
}

func TestNothingToRehearseIsNoError(t *testing.T) {
	if compared, err := replay.Rehearse(t.Context(), nil, nil, replay.Rules{}, replay.Options{}); err != nil || compared.Requests != 0 {
		t.Errorf("got %+v, %v", compared, err)
	}
}
