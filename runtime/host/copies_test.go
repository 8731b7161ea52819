package host

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

// rehearsing is the default policy with a rehearsal of so many requests.
func rehearsing(n int) policy.Policy {
	return policyWith(func(p *policy.Policy) { p.Rehearsal.Requests = &n })
}

// alone is the split of a stable release that has all traffic.
func alone(stable rollout.Target, how policy.Policy) rollout.Split {
	return rollout.Split{Shares: []rollout.Share{{Target: stable, Weight: manifest.Full, Stable: true}}, Policy: how}
}

// recordings are the paths that a rehearsal would ask for.
func (f *site) recordings() []string {
	recorded, _ := f.recent("a", 100)
	var paths []string
	for _, rec := range recorded {
		paths = append(paths, rec.Path)
	}
	slices.Sort(paths)
	return paths
}

// record makes requests and waits until they are in the ring.
func (f *site) record(paths ...string) {
	f.t.Helper()
	for _, path := range paths {
		f.ask("GET", path, nil)
	}
	eventually(f.t, fmt.Sprint("recordings of ", paths), func() bool {
		got := f.recordings()
		return !slices.ContainsFunc(paths, func(p string) bool { return !slices.Contains(got, p) })
	})
}

func TestARehearsalAsksTheCandidateWhatStableWasAsked(t *testing.T) {
	f := newSite(t)
	stable, _ := f.add("1.0.0", serving(t, answers(200, "same")))
	f.split(alone(stable, rehearsing(10)))
	candidate := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if text := "same"; r.Header.Get("Segue-Rehearsal") == "rehearsal" {
			if r.URL.Path == "/a/2" {
				text = "other"
			}
			_, _ = io.WriteString(w, text)
		}
	})
	how := rehearsing(10).Rehearsal
	if seen, err := f.rehearse(t.Context(), "a", candidate, how); err != nil || seen.Requests != 0 {
		t.Errorf("without recordings: %+v, %v", seen, err)
	}
	f.record("/a/1", "/a/2", "/a/3")
	seen, err := f.rehearse(t.Context(), "a", candidate, how)
	if err != nil || seen.Requests != 3 || seen.Different != 1 || len(seen.Examples) != 1 || seen.Examples[0].Request != "GET /a/2" || seen.Examples[0].What != "body" {
		t.Errorf("%+v, %v", seen, err)
	}
	if seen, err = f.rehearse(t.Context(), "a", deaf{}, how); err != nil || seen.Different != 3 {
		t.Errorf("a candidate that cannot be reached: %+v, %v", seen, err)
	}
	if _, err = f.rehearse(t.Context(), "a", lacking(syscall.EMFILE), how); module.KindOf(err) != module.Unavailable {
		t.Errorf("a host that lacks descriptors: %v", err)
	}
	if _, err = f.rehearse(t.Context(), "b", candidate, how); err != nil {
		t.Errorf("of a module that is not routed: %v", err)
	}
}

func TestARehearsalEndsBeforeItsTimeAndWhatWasComparedStands(t *testing.T) {
	f := newSite(t)
	stable, _ := f.add("1.0.0", serving(t, answers(200, "same")))
	f.split(alone(stable, rehearsing(10)))
	f.record("/a/1", "/a/2", "/a/3")
	ended := make(chan struct{})
	hangs := func(all bool) served {
		return serving(t, func(w http.ResponseWriter, r *http.Request) {
			if all || r.URL.Path == "/a/3" {
				select {
				case <-ended:
				case <-r.Context().Done():
				}
			}
			_, _ = io.WriteString(w, "same")
		})
	}
	defer close(ended)
	rehearse := func(inst rollout.Instance) (module.Comparison, error, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		seen, err := f.rehearse(ctx, "a", inst, rehearsing(10).Rehearsal)
		return seen, err, ctx.Err()
	}
	if seen, err, late := rehearse(hangs(false)); err != nil || late != nil || seen.Requests != 2 || seen.Different != 0 {
		t.Errorf("one of three hangs: %+v, %v, %v", seen, err, late)
	}
	if seen, err, late := rehearse(hangs(true)); err == nil || late != nil || module.KindOf(err) == module.Invalid {
		t.Errorf("all hang: %+v, %v, %v", seen, err, late)
	}
}

func TestRecordingsOutliveASplitButNotTheirRelease(t *testing.T) {
	f := newSite(t)
	stable, _ := f.add("1.0.0", serving(t, answers(200, "old")))
	candidate, _ := f.add("1.1.0", serving(t, answers(200, "new")))
	how := rehearsing(10)
	f.split(alone(stable, how))
	f.record("/a/1")
	f.split(rollout.Split{Shares: shares(stable, candidate, 100), Rollout: "a-2", Policy: how})
	f.split(rollout.Split{Policy: how}) // stable is started again
	restarted, _ := f.add("1.0.0", serving(t, answers(200, "old")))
	f.split(alone(restarted, how))
	f.record("/a/2")
	if got := f.recordings(); !slices.Equal(got, []string{"/a/1", "/a/2"}) {
		t.Errorf("after splits of the same stable release: %v", got)
	}
	f.split(alone(candidate, how))
	if got := f.recordings(); len(got) != 0 {
		t.Errorf("of the release before: %v", got)
	}
	f.record("/a/3")
	how.Rehearsal.Headers = []string{"X-Kind"}
	f.split(alone(candidate, how))
	if got := f.recordings(); len(got) != 0 {
		t.Errorf("recorded without a header that matters: %v", got)
	}
	f.split(alone(candidate, policy.Default()))
	f.ask("GET", "/a/4", nil)
	if f.modules["a"].ring != nil {
		t.Error("it records where no rehearsal is wanted")
	}
}

func TestAMirrorLivesAsLongAsItsCandidateIsLookedAt(t *testing.T) {
	f := newSite(t)
	var copies atomic.Int64
	stable, _ := f.add("1.0.0", serving(t, answers(200, "old")))
	candidate, seen := f.add("1.1.0", serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Segue-Rehearsal") == "mirror" {
			copies.Add(1)
		}
		_, _ = io.WriteString(w, "new")
	}))
	how := policyWith(func(p *policy.Policy) {
		p.Mirror = policy.Mirror{Share: new(manifest.Full), Matches: []policy.Match{{Method: "GET", Path: "/a/copied"}}}
	})
	s := alone(stable, how)
	s.Rollout, s.Preview, s.Mirror = "a-2", candidate, candidate
	f.split(s)
	for range 5 {
		f.ask("GET", "/a/copied", nil)
		f.ask("GET", "/a", nil)
	}
	eventually(t, "five comparisons", func() bool { return candidate.Mirrored().Requests == 5 })
	s.Cap = 5
	f.split(s) // the same mirror
	if c := candidate.Mirrored(); c.Requests != 5 || c.Different != 5 || len(c.Examples) == 0 || copies.Load() != 5 {
		t.Errorf("%+v after %d copies", c, copies.Load())
	}
	if n, _ := seen.evidence(); n != 0 {
		t.Errorf("%d copies are evidence", n)
	}
	s.Mirror = nil
	f.split(s)
	f.ask("GET", "/a/copied", nil)
	f.copying.Wait()
	if copies.Load() != 5 || stable.Mirrored().Requests != 0 {
		t.Errorf("%d copies once nobody looks", copies.Load())
	}
	s.Mirror = candidate
	f.split(s)
	if c := candidate.Mirrored(); c.Requests != 0 {
		t.Errorf("a new mirror has seen %+v", c)
	}
	f.Remove("a") // goleak sees that it ends
	f.copying.Wait()
}

func TestWhatCannotBeRecordedIsRefusedAtTheStartAndKeepsNobodyFromTraffic(t *testing.T) {
	for field, p := range map[string]policy.Policy{
		"rollout.rehearsal.keep":    policyWith(func(p *policy.Policy) { p.Rehearsal.Keep = []string{"X-Real-Ip"} }),
		"rollout.rehearsal.ignore":  policyWith(func(p *policy.Policy) { p.Rehearsal.Ignore = []string{"$["} }),
		"rollout.rehearsal.headers": policyWith(func(p *policy.Policy) { p.Rehearsal.Headers = []string{"Set-Cookie"} }),
	} {
		err := copyable("modules.a.", p)
		if module.KindOf(err) != module.Invalid || !strings.HasPrefix(err.Error(), "modules.a."+field+" \"") {
			t.Errorf("%s: %v", field, err)
		}
		p.Rehearsal.Requests, p.Mirror.Share = new(3), new(manifest.Full)
		f := newSite(t)
		stable, _ := f.add("1.0.0", serving(t, answers(200, "old")))
		candidate, _ := f.add("1.1.0", serving(t, answers(200, "new")))
		s := alone(stable, p)
		s.Rollout, s.Mirror = "a-2", candidate
		f.split(s)
		if _, got, _ := f.ask("GET", "/a", nil); got != "old" {
			t.Errorf("%s: %q", field, got)
		}
	}
	if err := copyable("", policy.Default()); err != nil {
		t.Error(err)
	}
}
