package host

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/sticky"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

// deaf is an instance that nobody dials.
type deaf struct{ rollout.Instance }

func (deaf) Sandbox() module.Sandbox { return module.Sandbox{} }

func (deaf) Dial(context.Context) (net.Conn, error) { return nil, errors.New("deaf") }

func secretForTest(t *testing.T) *sticky.Secret {
	t.Helper()
	secret, err := sticky.NewSecret(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func release(name, version string) module.Release {
	return module.Release{Module: name, Version: version, Digest: module.Digest(version)}
}

// count directs n requests and counts whom they fall to; "" is nobody within the time.
func count(t *testing.T, tr *traffic, path string, n int) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range n {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		x, err := tr.pool.Direct(ctx, &proxy.Request{Method: "GET", Path: path, Header: http.Header{}, Cancel: func(error) {}})
		cancel()
		if err != nil {
			got[""]++
			continue
		}
		got[x.Target().Labels().Version]++
		x.Done(proxy.Outcome{Class: proxy.ClassOK, Status: 200, Duration: time.Millisecond})
	}
	return got
}

// narrow is an instance that may have one request in flight.
type narrow struct {
	deaf
	denials *[]module.Denial
}

func (n narrow) Sandbox() module.Sandbox {
	return module.Sandbox{Quotas: manifest.Quotas{Requests: 1}}
}

func (n narrow) Deny(d module.Denial) { *n.denials = append(*n.denials, d) }

func TestARequestThatHasNoRoomIsADenialOfItsInstance(t *testing.T) {
	tr := newTraffic(secretForTest(t), zap.NewNop())
	var denials []module.Denial
	target := tr.Target("a-1", release("a", "1.0.0"), narrow{denials: &denials}, func(rollout.Observation) {})
	if err := tr.Split("a", rollout.Split{Routes: []manifest.Route{{Path: "/a"}}, Shares: []rollout.Share{{Target: target, Weight: manifest.Full, Stable: true}}}); err != nil {
		t.Fatal(err)
	}
	direct := func() (proxy.Exchange, error) {
		return tr.pool.Direct(t.Context(), &proxy.Request{Method: "GET", Path: "/a", Header: http.Header{}, Cancel: func(error) {}})
	}
	held, err := direct()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := direct(); err == nil {
			t.Fatal("it got a second request")
		}
	}
	held.Done(proxy.Outcome{Class: proxy.ClassOK, Status: 200})
	if len(denials) != 2 || denials[0] != denials[1] || denials[0].By != module.ByQuota || denials[0].What != "requests" {
		t.Errorf("it was denied %+v", denials)
	}
}

func TestASplitIsWhatRequestsMeet(t *testing.T) {
	tr := newTraffic(secretForTest(t), zap.NewNop())
	var seen int
	stable := tr.Target("a-1", release("a", "1.0.0"), deaf{}, func(rollout.Observation) { seen++ })
	candidate := tr.Target("a-2", release("a", "1.1.0"), deaf{}, func(rollout.Observation) {})
	routes := []manifest.Route{{Path: "/a"}}
	split := func(shares ...rollout.Share) {
		t.Helper()
		if err := tr.Split("a", rollout.Split{Routes: routes, Shares: shares}); err != nil {
			t.Fatal(err)
		}
	}
	split(rollout.Share{Target: stable, Weight: 7500, Stable: true}, rollout.Share{Target: candidate, Weight: 2500})
	if got := count(t, tr, "/a/x", 100); got["1.1.0"] < 24 || got["1.1.0"] > 26 || got["1.0.0"]+got["1.1.0"] != 100 {
		t.Errorf("at 25 %%: %v", got)
	}
	if seen < 74 {
		t.Errorf("%d requests of stable were observed", seen)
	}
	split(rollout.Share{Target: candidate, Weight: 2500})
	if got := count(t, tr, "/a", 20); got["1.1.0"] < 4 || got["1.1.0"] > 6 || got["1.1.0"]+got[""] != 20 {
		t.Errorf("while stable is gone its share waits, and the candidate gets no more than its own: %v", got)
	}
	split()
	if got := count(t, tr, "/a", 3); got[""] != 3 {
		t.Errorf("without shares: %v", got)
	}
	tr.Remove("a")
	if _, err := tr.pool.Direct(t.Context(), &proxy.Request{Path: "/a", Cancel: func(error) {}}); !errors.Is(err, proxy.ErrNoRoute) {
		t.Errorf("after the removal: %v", err)
	}
}

func TestConflictingRoutesAreRefusedAndChangeNothing(t *testing.T) {
	tr := newTraffic(secretForTest(t), zap.NewNop())
	full := func(name string) rollout.Share {
		return rollout.Share{Target: tr.Target(name+"-1", release(name, "1.0.0"), deaf{}, func(rollout.Observation) {}), Weight: manifest.Full, Stable: true}
	}
	if err := tr.Split("a", rollout.Split{Routes: []manifest.Route{{Path: "/a"}}, Shares: []rollout.Share{full("a")}}); err != nil {
		t.Fatal(err)
	}
	if err := tr.Split("b", rollout.Split{Routes: []manifest.Route{{Path: "/a"}}, Shares: []rollout.Share{full("b")}}); err == nil {
		t.Error("two modules have one route")
	}
	if err := tr.Split("b", rollout.Split{Routes: []manifest.Route{{Path: "/b"}}, Shares: []rollout.Share{full("b")}}); err != nil {
		t.Errorf("after the refusal: %v", err)
	}
}

func TestNoCounterFallsWhenAProcessGoes(t *testing.T) {
	tr := newTraffic(secretForTest(t), zap.NewNop())
	total := func() (n uint64) {
		for _, s := range tr.Traffic() {
			n += s.Requests["ok"]
		}
		return n
	}
	for round := range 3 {
		target := tr.Target("a-1", release("a", "1.0.0"), deaf{}, func(rollout.Observation) {})
		if err := tr.Split("a", rollout.Split{Routes: []manifest.Route{{Path: "/a"}}, Shares: []rollout.Share{{Target: target, Weight: manifest.Full, Stable: true}}}); err != nil {
			t.Fatal(err)
		}
		count(t, tr, "/a", 10)
		target.Close()
		if got, want := total(), uint64(10*(round+1)); got != want {
			t.Errorf("%d requests after round %d, want %d", got, round, want)
		}
	}
}

func TestNoCounterFallsWhenAModuleIsTakenOut(t *testing.T) {
	tr := newTraffic(secretForTest(t), zap.NewNop())
	for round := range 3 {
		if err := tr.Split("a", rollout.Split{Routes: []manifest.Route{{Path: "/a"}}}); err != nil {
			t.Fatal(err)
		}
		count(t, tr, "/a", 2) // nobody is there, so they wait
		for range 2 {
			if all := tr.Groups(); len(all) != 1 || all[0].Module != "a" || all[0].Waited != uint64(2*(round+1)) {
				t.Errorf("in round %d: %+v", round, all)
			}
			tr.Remove("a")
		}
	}
}

func TestASplitThatIsRefusedLeavesTheOneBefore(t *testing.T) {
	tr := newTraffic(secretForTest(t), zap.NewNop())
	defer tr.close()
	of := func(name, version string) rollout.Target {
		return tr.Target(name+"-"+version, release(name, version), deaf{}, func(rollout.Observation) {})
	}
	full := func(target rollout.Target) []rollout.Share {
		return []rollout.Share{{Target: target, Weight: manifest.Full, Stable: true}}
	}
	for _, name := range []string{"a", "b"} {
		if err := tr.Split(name, rollout.Split{Routes: []manifest.Route{{Path: "/" + name}}, Shares: full(of(name, "1.0.0"))}); err != nil {
			t.Fatal(err)
		}
	}
	next := of("b", "1.1.0")
	mirrors := policyWith(func(p *policy.Policy) { p.Mirror.Share = new(manifest.Weight(manifest.Full)) })
	err := tr.Split("b", rollout.Split{Routes: []manifest.Route{{Path: "/a"}}, Shares: full(next), Mirror: next, Policy: mirrors})
	if err == nil {
		t.Fatal("two modules have one route")
	}
	if got := count(t, tr, "/b", 4); got["1.0.0"] != 4 {
		t.Errorf("after the refusal: %v", got)
	}
	x, err := tr.pool.Direct(t.Context(), &proxy.Request{Method: "GET", Path: "/b", Header: http.Header{}, Cancel: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	if x.Tap() != nil {
		t.Error("requests are shown to the mirror of the refused split")
	}
	x.Done(proxy.Outcome{Class: proxy.ClassOK, Status: 200})
}
