package host

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

// policyWith is the default policy with a change.
func policyWith(change func(*policy.Policy)) policy.Policy {
	p := policy.Default()
	change(&p)
	return p
}

// shares are those of a step at which the candidate gets weight.
func shares(stable, candidate rollout.Target, weight manifest.Weight) []rollout.Share {
	return []rollout.Share{{Target: stable, Weight: manifest.Full - weight, Stable: true}, {Target: candidate, Weight: weight}}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func toHost(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

func TestAPreviewIsSeenByTokenAndByHostAndByNobodyElse(t *testing.T) {
	f := newSite(t)
	stable, _ := f.add("1.0.0", serving(t, answers(200, "old")))
	candidate, seen := f.add("1.1.0", serving(t, answers(200, "new")))
	how := policyWith(func(p *policy.Policy) { p.PreviewHost = "next.example" })
	all := []rollout.Share{{Target: stable, Weight: manifest.Full, Stable: true}}
	f.split(rollout.Split{Shares: all, Preview: candidate, Rollout: "a-2", Policy: how})
	shown := f.preview("a", "a-2")
	if shown == nil || shown.Host != "next.example" || f.preview("a", "a-1") != nil || f.preview("b", "a-2") != nil {
		t.Fatalf("the preview is %+v", shown)
	}
	name, token, _ := strings.Cut(shown.Header, ": ")
	want := func(what, body string, status int, edit func(*http.Request)) {
		t.Helper()
		if gotStatus, got, _ := f.ask("GET", "/a", edit); got != body && body != "" || gotStatus != status {
			t.Errorf("%s: %d %q, want %d %q", what, gotStatus, got, status, body)
		}
	}
	want("nobody in particular", "old", 200, nil)
	want("the token", "new", 200, header(name, token))
	want("another token", "old", 200, header(name, token[1:]+"x"))
	want("the host", "new", 200, toHost("next.example"))
	want("another host", "old", 200, toHost("example"))
	if n, _ := seen.evidence(); n != 0 {
		t.Errorf("%d looks at the preview are evidence", n)
	}
	f.split(rollout.Split{Shares: all, Policy: how})
	want("the token of a rollout that is over", "old", 200, header(name, token))
	want("the host when there is nothing to see", "", 503, toHost("next.example"))
	if f.preview("a", "a-2") != nil {
		t.Error("the preview of a rollout that is over")
	}
}

func TestAPreviewLeadsToModulesThatAnswerForTheirHostAlone(t *testing.T) {
	f := newSite(t)
	stable, _ := f.add("1.0.0", serving(t, answers(200, "old")))
	candidate, _ := f.add("1.1.0", serving(t, answers(200, "new")))
	s := rollout.Split{Routes: []manifest.Route{{Host: "a.example", Path: "/"}}, Shares: []rollout.Share{{Target: stable, Weight: manifest.Full, Stable: true}},
		Preview: candidate, Rollout: "a-2", Policy: policyWith(func(p *policy.Policy) { p.PreviewHost = "next.example" })}
	f.split(s)
	if _, got, _ := f.ask("GET", "/x", toHost("next.example")); got != "new" {
		t.Errorf("the preview host shows %q", got)
	}
	s.Policy.PreviewHost = "a.example" // of a policy older than the rule against it
	f.split(s)
	if _, got, _ := f.ask("GET", "/x", toHost("a.example")); got != "old" {
		t.Errorf("a preview took its module's traffic: %q", got)
	}
	other := rollout.Split{Routes: []manifest.Route{{Host: "b.example", Path: "/"}}}
	if err := f.Split("b", other); err != nil {
		t.Fatal(err)
	}
	s.Policy.PreviewHost = "b.example"
	f.split(s)
	if _, ok := f.modules["a"]; !ok || f.modules["a"].preview != "" {
		t.Error("a preview took another module's traffic")
	}
}

func TestAUserStaysOnOneSideOfARollout(t *testing.T) {
	f := newSite(t)
	stable, _ := f.add("1.0.0", serving(t, answers(200, "old")))
	candidate, _ := f.add("1.1.0", serving(t, answers(200, "new")))
	f.split(rollout.Split{Shares: shares(stable, candidate, 5000), Rollout: "a-2", Policy: policyWith(func(p *policy.Policy) { p.Sticky = "header X-User" })})
	first := map[string]string{}
	for range 3 {
		for user := range 40 {
			name := fmt.Sprint("user-", user)
			_, got, _ := f.ask("GET", "/a", header("X-User", name))
			if was, known := first[name]; known && was != got {
				t.Fatalf("%s was on %s, and is on %s", name, was, got)
			}
			first[name] = got
		}
	}
	sides := map[string]int{}
	for _, side := range first {
		sides[side]++
	}
	if len(sides) != 2 {
		t.Errorf("all of 40 users are on one side: %v", sides)
	}
	f.split(rollout.Split{Shares: shares(stable, candidate, 5000), Rollout: "a-3", Policy: policyWith(func(p *policy.Policy) { p.Sticky = policy.StickyCookie })})
	_, side, got := f.ask("GET", "/a", nil)
	cookie, err := http.ParseSetCookie(got.Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, again, _ := f.ask("GET", "/a", func(r *http.Request) { r.AddCookie(cookie) }); again != side {
			t.Fatalf("a cookie led to %s, and then to %s", side, again)
		}
	}
	f.split(rollout.Split{Shares: []rollout.Share{{Target: stable, Weight: manifest.Full, Stable: true}}, Policy: policyWith(func(p *policy.Policy) { p.Sticky = policy.StickyCookie })})
	if _, _, got := f.ask("GET", "/a", nil); got.Get("Set-Cookie") != "" {
		t.Error("without a rollout a cookie is given")
	}
}

func TestStableAnswersWhatTheCandidateFailsUnlessItIsTurnedOff(t *testing.T) {
	f := newSite(t)
	stable, _ := f.add("1.0.0", serving(t, answers(200, "old")))
	candidate, seen := f.add("1.1.0", serving(t, answers(500, "broken")))
	split := func(change func(*policy.Policy)) {
		f.split(rollout.Split{Shares: []rollout.Share{{Target: stable, Stable: true}, {Target: candidate, Weight: manifest.Full}}, Rollout: "a-2", Policy: policyWith(change)})
	}
	want := func(what, method, path string, status int) {
		t.Helper()
		if got, body, _ := f.ask(method, path, nil); got != status {
			t.Errorf("%s: %d %q, want %d", what, got, body, status)
		}
		if n, failed := seen.evidence(); n != 1 || failed != 1 {
			t.Errorf("%s: %d of %d failures are evidence, want 1 of 1", what, failed, n)
		}
	}
	split(func(p *policy.Policy) { p.Shield.Routes = []policy.Match{{Method: "POST", Path: "/a/orders"}} })
	want("a GET", "GET", "/a", 200)
	want("a POST", "POST", "/a", 500)
	want("a POST that is opted in", "POST", "/a/orders/1", 200)
	if got := candidate.Rescued(); got != 2 {
		t.Errorf("%d rescued, want 2", got)
	}
	split(func(p *policy.Policy) { p.Shield.Enabled = policy.Off })
	want("a GET without a shield", "GET", "/a", 500)
}

func TestWhatTheHostLacksIsNoEvidence(t *testing.T) {
	for name, cause := range map[string]error{
		"descriptors": &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)},
		"memory":      &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENOMEM)},
		"a socket":    &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EAGAIN)},
	} {
		f := newSite(t)
		stable, _ := f.add("1.0.0", serving(t, answers(200, "old")))
		candidate, seen := f.add("1.1.0", lacking(cause))
		f.split(rollout.Split{Shares: []rollout.Share{{Target: stable, Stable: true}, {Target: candidate, Weight: manifest.Full}}, Rollout: "a-2", Policy: policyWith(func(p *policy.Policy) { p.Shield.Enabled = policy.Off })})
		for range 3 {
			f.ask("GET", "/a", nil)
		}
		if n, failed := seen.evidence(); n != 0 {
			t.Errorf("%s: %d of %d failures are the candidate's", name, failed, n)
		}
	}
}
