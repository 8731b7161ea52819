package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/hook"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
)

// gatekeeper is an operator's HTTP server that is told of rollouts.
type gatekeeper struct {
	url string

	mu      sync.Mutex
	told    []hook.Payload
	keys    []string
	refuses map[policy.Point]string // the words of its refusals
}

func newGatekeeper(t *testing.T) *gatekeeper {
	g := &gatekeeper{refuses: map[policy.Point]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var p hook.Payload
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil || r.Method != http.MethodPost || r.URL.Path != "/"+string(p.Point) {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.told, g.keys = append(g.told, p), append(g.keys, r.Header.Get("Segue-Hook"))
		if words := g.refuses[p.Point]; words != "" {
			http.Error(w, words, http.StatusForbidden)
		}
	}))
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

// hooks is the setting that names it at all points.
func (g *gatekeeper) hooks() string {
	var all []string
	for _, p := range policy.Points {
		all = append(all, fmt.Sprintf("%s: %s/%s", p, g.url, p))
	}
	return "hooks: {" + strings.Join(all, ", ") + "}"
}

// of are the calls about a version, once the last of them is about that point.
func (g *gatekeeper) of(s *site, version string, last policy.Point) (points []policy.Point, payloads []hook.Payload) {
	s.t.Helper()
	s.eventually("the hook is told "+string(last), func() error {
		g.mu.Lock()
		defer g.mu.Unlock()
		points, payloads = nil, nil
		for _, p := range g.told {
			if p.To == version {
				points, payloads = append(points, p.Point), append(payloads, p)
			}
		}
		if len(points) == 0 || points[len(points)-1] != last {
			return fmt.Errorf("it was told %v", points)
		}
		return nil
	})
	return points, payloads
}

func TestHooksAreToldEachPointOnceAndInOrder(t *testing.T) {
	g := newGatekeeper(t)
	s := serving(t, "rollout: {strategy: gradual, steps: [30%, 60%, 100%], hold: 100ms, limit: 200ms, "+g.hooks()+"}\n")
	s.segue("deploy", release("1.1.0"), "--wait")
	points, told := g.of(s, "1.1.0", policy.AfterPromotion)
	want := []policy.Point{policy.BeforeStart, policy.BeforeTraffic, policy.EachStep, policy.EachStep, policy.AfterPromotion}
	if fmt.Sprint(points) != fmt.Sprint(want) {
		t.Fatalf("told %v", points)
	}
	ro := s.awaitStable("1.1.0").Rollout
	next := []int{0, 3000, 6000, 10000, 0}
	for i, p := range told {
		if p.Version != 1 || p.Module != "hello" || p.Rollout != ro.ID || p.From != "1.0.0" || p.Digest != ro.Digest || p.Actor != ro.Actor || p.Started.IsZero() {
			t.Errorf("%s: %+v", p.Point, p)
		}
		if i > 0 && i < 4 && int(p.Next) != next[i] {
			t.Errorf("%s of step %d would lead to %s", p.Point, p.Step, p.Next)
		}
	}
	if before := told[1]; before.Weight != 0 || before.Preview == nil || before.Preview.Header == "" {
		t.Errorf("before traffic: %+v", before)
	}
	if end := told[4]; end.Phase != "promoted" || end.Ended.IsZero() {
		t.Errorf("after promotion: %+v", end)
	}
	g.mu.Lock()
	given := slices.Clone(g.keys)
	g.mu.Unlock()
	keys := map[string]bool{}
	for _, key := range given {
		keys[key] = true
	}
	if len(keys) != len(given) || keys[""] {
		t.Errorf("keys %q", given)
	}
	s.segue("rollback", "hello")
	s.awaitStable("1.0.0")
}

func TestAHooksRefusalEndsTheRolloutWithItsWords(t *testing.T) {
	for _, point := range []policy.Point{policy.BeforeStart, policy.BeforeTraffic, policy.EachStep} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			g := newGatekeeper(t)
			s := serving(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 100ms, limit: 200ms, "+g.hooks()+"}\n")
			g.mu.Lock()
			g.refuses[point] = "not before the audit"
			g.mu.Unlock()
			out, code := s.try("deploy", release("1.1.0"), "--wait")
			if code != 1 || !strings.Contains(out, "not before the audit") {
				t.Errorf("exit code %d: %s", code, out)
			}
			if points, _ := g.of(s, "1.1.0", policy.AfterRollback); points[len(points)-2] != point {
				t.Errorf("told %v", points)
			}
			s.awaitStable("1.0.0")
			if text := s.segue("show", "hello"); !strings.Contains(text, "not before the audit") {
				t.Errorf("it is not shown:\n%s", text)
			}
		})
	}
}

func TestAHookThatCannotBeReachedEndsTheRolloutWithoutBlame(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	s := serving(t, instantly)
	s.configure("rollout: {hook_timeout: 300ms, hooks: {before_traffic: " + gone.URL + "/secret}}\n")
	for range 2 { // it may be tried again as it is
		out, code := s.try("deploy", release("1.1.0"), "--wait")
		if code != 1 || !strings.Contains(out, "hook") || strings.Contains(out, "quarantine") || strings.Contains(out, "secret") {
			t.Errorf("exit code %d: %s", code, out)
		}
	}
	if st := s.awaitStable("1.0.0"); st.Rollout.Verdict == module.Fail {
		t.Errorf("rollout %+v", st.Rollout)
	}
}

// configure restarts the runtime with another segue.yaml.
func (s *site) configure(yaml string) {
	s.t.Helper()
	s.stop()
	must(s.t, os.WriteFile(filepath.Join(s.dir, "segue.yaml"), []byte(yaml), 0o644))
	s.start()
	s.awaitStable("1.0.0")
}

func TestWhatAsksForApprovalWaitsForIt(t *testing.T) {
	s := serving(t, instantly)
	s.configure("rollout: {strategy: gradual, steps: [50%, 100%], hold: 100ms, limit: 200ms, approvals: [before_start, before_traffic, each_step]}\n")
	s.segue("deploy", release("1.1.0"))
	for _, at := range []struct {
		point, phase string
		weight       int
	}{{"before_start", "pending", 0}, {"before_traffic", "checking", 0}, {"each_step", "shifting", 5000}} {
		st := s.awaitStatus("it waits "+at.point, waits("approval", at.point))
		if st.Rollout.Phase != at.phase || int(st.Stable.Weight) != 10000-at.weight || st.Rollout.Waiting.Deadline.IsZero() {
			t.Errorf("status %s", describe(st))
		}
		if text := s.segue("show", "hello"); !strings.Contains(text, "segue approve hello") || !strings.Contains(text, at.point) {
			t.Errorf("it does not say what would move it:\n%s", text)
		}
		s.segue("approve", "hello")
	}
	s.awaitStable("1.1.0")
	if out, code := s.try("approve", "hello"); code != 1 || !strings.Contains(out, "no rollout under way") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// frozen is a freeze of yesterday, today and tomorrow.
func frozen() string {
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	return fmt.Sprintf("freeze: [%q]", day(-1)+" - "+day(2)+" UTC")
}

func TestAFreezeHoldsWhatWidensAndNothingElse(t *testing.T) {
	s := serving(t, instantly)
	s.configure("rollout: {strategy: gradual, steps: [50%, 100%], hold: 100ms, limit: 200ms, " + frozen() + "}\n")
	s.segue("deploy", release("1.1.0"))
	st := s.awaitStatus("it waits", waits("freeze", ""))
	if st.Rollout.Phase != "pending" || st.Rollout.Waiting.Deadline.IsZero() || st.Candidate != nil && st.Candidate.PID != 0 {
		t.Errorf("status %s", describe(st))
	}
	if out, code := s.try("approve", "hello", "before_traffic"); code != 1 || !strings.Contains(out, "that is freeze") {
		t.Errorf("an approval of something else: exit code %d: %s", code, out)
	}
	s.segue("approve", "hello", "freeze") // lets it through to its end
	s.awaitStable("1.1.0")
	s.segue("rollback", "hello") // what goes back goes back
	s.awaitStable("1.0.0")
}

func TestPromoteGoesOverEveryGate(t *testing.T) {
	s := serving(t, instantly)
	s.configure("rollout: {strategy: gradual, steps: [1%, 100%], hold: 1h, approvals: [before_traffic], " + frozen() + "}\n")
	s.segue("deploy", release("1.1.0"))
	s.awaitStatus("it is frozen", waits("freeze", ""))
	if out, code := s.try("promote", "hello"); code != 1 || !strings.Contains(out, "pending") {
		t.Errorf("what has no process was promoted: exit code %d: %s", code, out)
	}
	s.segue("approve", "hello")
	s.awaitStatus("it waits for approval", waits("approval", "before_traffic"))
	s.segue("promote", "hello")
	s.awaitStable("1.1.0")
}

func TestAPausedRolloutStaysWhereItIsAndIsJudgedAllTheSame(t *testing.T) {
	const yaml = "rollout: {strategy: gradual, steps: [50%, 100%], hold: 100ms, limit: 200ms, slow_floor: 5s, approvals: [each_step]}\n"
	s := serving(t, yaml)
	s.segue("deploy", release("1.1.0"))
	s.awaitStatus("it waits", waits("approval", "each_step"))
	s.segue("pause", "hello", "--reason", "the database is being moved")
	s.segue("approve", "hello")
	st := s.awaitStatus("it is paused", waits("pause", ""))
	if text := s.segue("show", "hello"); !weighs("1.1.0", 5000)(st) || !strings.Contains(text, "the database is being moved") || !strings.Contains(text, "paused by "+st.Rollout.Waiting.Actor) {
		t.Errorf("status %s\n%s", describe(st), text)
	}
	s.segue("resume", "hello")
	s.awaitStable("1.1.0")

	s.segue("deploy", release("2.0.0-errors"))
	s.awaitStatus("it waits", waits("approval", "each_step"))
	s.segue("pause", "hello")
	s.used(2, s.reading(), "it is taken back", over("2.0.0-errors", "rolled-back"))
}

func TestANewReleaseIsQueuedBehindARollout(t *testing.T) {
	s := serving(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 1h, on_new: queue}\n")
	s.segue("deploy", release("1.1.0"))
	s.awaitStatus("it shifts", weighs("1.1.0", 5000))
	s.segue("deploy", release("2.0.0-slow"))
	if out := s.segue("deploy", chaos("chatty")); !strings.Contains(out, "1.2.0") {
		t.Errorf("it does not say so: %s", out)
	}
	st := s.awaitStatus("the latest waits", func(st module.Status) bool { return st.Queued != nil && st.Queued.Version == "1.2.0" })
	if text := s.segue("show", "hello"); !strings.Contains(text, "queued  1.2.0") || !weighs("1.1.0", 5000)(st) {
		t.Errorf("it is not shown:\n%s", text)
	}
	s.segue("promote", "hello")
	st = s.awaitStatus("it has its turn", weighs("1.2.0", 5000))
	if st.Stable.Version != "1.1.0" || st.Queued != nil {
		t.Errorf("status %s", describe(st))
	}
}
