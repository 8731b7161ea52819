package conformance_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// answered is what came of a request that another goroutine made.
type answered struct {
	status        int
	body, release string
	err           error
}

// send makes a request that is answered some time.
func (h *house) send(req *http.Request) <-chan answered {
	done := make(chan answered, 1)
	go func() {
		res, err := h.client.Do(req)
		if err != nil {
			done <- answered{err: err}
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		done <- answered{res.StatusCode, string(body), res.Header.Get("Segue-Release"), err}
	}()
	return done
}

func receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// rollBack takes the candidate's share away and drains it, as its owner does.
func rollBack(t testing.TB, g *balance.Group, stable, candidate *module) (drained <-chan error) {
	t.Helper()
	apply(t, g, balance.Share{Release: stable.Release, Weight: balance.Full, Stable: true})
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	go func() {
		defer cancel()
		done <- candidate.Drain(ctx, balance.Patience{})
	}()
	return done
}

func TestWhatACandidateHangsOnIsStablesOnceItHasLostItsShare(t *testing.T) {
	const gets = 5
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	h, g, stableOne, candidate := shielded(t, proxy.Config{}, balance.Shield{Matches: []proxy.Match{{Method: "PUT", Path: "/"}}},
		func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			arrived <- struct{}{}
			if r.Method == http.MethodPost {
				<-release
				io.WriteString(w, "late "+string(body))
				return
			}
			<-r.Context().Done()
		})
	var rescued []<-chan answered
	for range gets {
		req, _ := http.NewRequest("GET", h.url("/"), nil)
		rescued = append(rescued, h.send(req))
	}
	sent := pattern(300_000)
	put, _ := http.NewRequest("PUT", h.url("/"), bytes.NewReader(sent))
	rescued = append(rescued, h.send(put))
	post, _ := http.NewRequest("POST", h.url("/"), strings.NewReader("post"))
	posted := h.send(post)
	for range gets + 2 {
		receive(t, arrived)
	}
	drained := rollBack(t, g, stableOne, candidate)
	for i, done := range rescued {
		want := "hello"
		if i == gets {
			want = string(sent)
		}
		if got := receive(t, done); got.err != nil || got.status != 200 || got.release != "hello@1" || got.body != want {
			t.Errorf("request %d: %d from %s with %d bytes, %v", i, got.status, got.release, len(got.body), got.err)
		}
	}
	select {
	case got := <-posted:
		t.Errorf("what is not covered came back: %+v", got)
	default:
	}
	close(release)
	if got := receive(t, posted); got.status != 200 || got.body != "late post" || got.release != "hello@2" {
		t.Errorf("what is not covered: %+v", got)
	}
	if err := receive(t, drained); err != nil {
		t.Error(err)
	}
	for range gets + 1 {
		if o := candidate.outcome(t); o.Class != proxy.ClassDrained || o.Reached || o.Status != 0 {
			t.Errorf("the candidate's outcome: %+v", o)
		}
	}
	if o := candidate.outcome(t); o.Class != proxy.ClassOK {
		t.Errorf("the post's outcome: %+v", o)
	}
	if s := g.Stats().Shield; s != (balance.ShieldStats{Replayed: gets + 1, Recalled: gets + 1, Rescued: gets + 1}) || candidate.Rescued() != gets+1 {
		t.Errorf("%+v", s)
	}
	if s := candidate.Stats(); s.Requests != gets+2 || s.Failed() != 0 {
		t.Errorf("%+v", s)
	}
	givenBack(t, h)
}

func TestAHealthyCandidateFinishesItsOwn(t *testing.T) {
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	h, g, stableOne, candidate := shielded(t, proxy.Config{}, everywhere, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		io.WriteString(w, "mine")
	})
	slow, err := g.Pick(t.Context(), &proxy.Request{Failed: soleOf(candidate.Release), Header: http.Header{}})
	if err != nil {
		t.Fatal(err)
	}
	slow.Done(proxy.Outcome{Class: proxy.ClassOK, Status: 200, Wait: time.Minute}) // stable's answers take their time
	var all []<-chan answered
	for range 3 {
		req, _ := http.NewRequest("GET", h.url("/"), nil)
		all = append(all, h.send(req))
	}
	for range all {
		receive(t, arrived)
	}
	drained := rollBack(t, g, stableOne, candidate)
	close(release)
	for _, done := range all {
		if got := receive(t, done); got.err != nil || got.body != "mine" || got.release != "hello@2" {
			t.Errorf("%+v", got)
		}
	}
	if err := receive(t, drained); err != nil {
		t.Error(err)
	}
	if s := g.Stats().Shield; s != (balance.ShieldStats{}) || stableOne.Stats().Requests != 1 {
		t.Errorf("%+v", s)
	}
}

func TestABodyTooLongToBeKeptIsNotTakenBack(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{})
	short := everywhere
	short.Keep = 100
	h, g, stableOne, candidate := shielded(t, proxy.Config{}, short, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		close(arrived)
		<-release
		w.Header().Set("X-Length", http.StatusText(int(n)))
	})
	req, _ := http.NewRequest("POST", h.url("/"), struct{ io.Reader }{bytes.NewReader(pattern(5000))}) // chunked
	done := h.send(req)
	receive(t, arrived)
	drained := rollBack(t, g, stableOne, candidate)
	time.Sleep(1200 * time.Millisecond) // until everything would have been taken back
	close(release)
	if got := receive(t, done); got.status != 200 || got.release != "hello@2" {
		t.Errorf("%+v", got)
	}
	if err := receive(t, drained); err != nil {
		t.Error(err)
	}
	if s := g.Stats().Shield; s != (balance.ShieldStats{}) {
		t.Errorf("%+v", s)
	}
}

func TestARequestThatReachesNobodyIsTakenBackTooAndIsNoFailure(t *testing.T) {
	stableOne := newModule(t, "1", http.HandlerFunc(echo))
	dialling, seen := make(chan struct{}), make(chan balance.Observation, 1)
	candidate := single("2", func(o balance.Observation) { seen <- o }, balance.TargetConfig{
		Dial: func(ctx context.Context) (net.Conn, error) {
			close(dialling)
			<-ctx.Done()
			return nil, context.Cause(ctx)
		},
	})
	g := stable(t)
	if err := g.Apply(balance.Split{Rollout: "r", Shield: &everywhere, Shares: []balance.Share{
		{Release: candidate, Weight: balance.Full}, {Release: stableOne.Release, Stable: true}}}); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, proxy.Config{Timeouts: proxy.Timeouts{Connect: time.Hour}}, g)
	req, _ := http.NewRequest("GET", h.url("/"), nil)
	done := h.send(req)
	receive(t, dialling)
	apply(t, g, balance.Share{Release: stableOne.Release, Weight: balance.Full, Stable: true})
	if got := receive(t, done); got.status != 200 || got.release != "hello@1" {
		t.Errorf("%+v", got)
	}
	if o := receive(t, seen); o.Class != proxy.ClassDrained {
		t.Errorf("%+v", o)
	}
	if s := h.engine.Stats(); s.Replayed != 1 || s.Retried != 0 {
		t.Errorf("%+v", s)
	}
}

func TestACrashAfterTheShareWasTakenIsStillReplayed(t *testing.T) {
	arrived, crash := make(chan struct{}), make(chan struct{})
	h, g, stableOne, _ := shielded(t, proxy.Config{}, everywhere, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-crash
		breakOffAfter("")(w, r)
	})
	req, _ := http.NewRequest("GET", h.url("/"), nil)
	done := h.send(req)
	receive(t, arrived)
	apply(t, g, balance.Share{Release: stableOne.Release, Weight: balance.Full, Stable: true})
	close(crash)
	if got := receive(t, done); got.status != 200 || got.release != "hello@1" {
		t.Errorf("%+v", got)
	}
}

func TestUnderLoadNobodySeesACandidateThatHangsAndIsRolledBack(t *testing.T) {
	whole := everywhere
	whole.Budget = balance.Full
	var n atomic.Int64
	h, g, stableOne, candidate := shielded(t, proxy.Config{}, whole, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%2 == 0 {
			echo(w, r)
		} else {
			hang(w, r)
		}
	})
	stop := make(chan struct{})
	_, wait := load(t, h, stop)
	under := balance.Split{Rollout: "r", Shield: &whole, Cap: 20, Shares: []balance.Share{
		{Release: candidate.Release, Weight: 5000}, {Release: stableOne.Release, Weight: 5000, Stable: true}}}
	for range 3 {
		if err := g.Apply(under); err != nil {
			t.Fatal(err)
		}
		recalled := g.Stats().Shield.Recalled
		for deadline := time.Now().Add(patience); candidate.Stats().InFlight < 4 && !t.Failed() && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		apply(t, g, balance.Share{Release: stableOne.Release, Weight: balance.Full, Stable: true})
		for deadline := time.Now().Add(patience); candidate.Stats().InFlight > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d are still in flight", candidate.Stats().InFlight)
			}
		}
		if g.Stats().Shield.Recalled == recalled {
			t.Error("nothing was taken back")
		}
	}
	close(stop)
	wait()
	givenBack(t, h)
}
