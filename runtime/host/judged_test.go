package host

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

// judged is a front whose rollouts are run by a real engine. Only the processes are not
// real: each is a server in this one.
type judged struct {
	*site
	engine   *rollout.Engine
	handlers map[string]http.HandlerFunc // by version; set before it is offered

	mu      sync.Mutex
	up      map[string]*living // the newest, by version
	holding string             // the version that may not start for now
	free    chan struct{}      // closed when it may
	missing bool               // the data plane was told so last
}

// Split notes what the data plane is told.
func (j *judged) Split(name string, s rollout.Split) error {
	err := j.traffic.Split(name, s)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.missing = s.Partial
	return err
}

func (j *judged) partial() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.missing
}

// held keeps processes of the version from starting until release.
func (j *judged) held(version string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.holding, j.free = version, make(chan struct{})
}

func (j *judged) release() { close(j.free) }

// living is an instance that serves until it is stopped or killed.
type living struct {
	served
	server *httptest.Server
	cut    context.CancelFunc // lets go of handlers that hang
	once   sync.Once
	done   chan struct{}
}

func (p *living) kill() {
	p.once.Do(func() {
		p.cut()
		p.server.CloseClientConnections()
		p.server.Close()
		close(p.done)
	})
}

func (*living) PID() int                                    { return 1 }
func (*living) Members() []module.Member                    { return nil }
func (*living) Settle()                                     {}
func (*living) Phases() []module.PhaseTime                  { return nil }
func (*living) Probe(context.Context) error                 { return nil }
func (*living) Drain(context.Context) error                 { return nil }
func (p *living) Stop(context.Context) bool                 { p.kill(); return false }
func (p *living) Done() <-chan struct{}                     { return p.done }
func (*living) Exit() string                                { return "killed" }
func (*living) Cause() module.DeathCause                    { return module.DiedOfCrash }
func (*living) Usage() (module.Usage, error)                { return module.Usage{}, nil }
func (*judged) Secure(context.Context, module.Digest) error { return nil }

func (j *judged) Start(ctx context.Context, _ string, plan rollout.Plan) (rollout.Instance, error) {
	j.mu.Lock()
	free := j.free
	if j.holding != plan.Version {
		free = nil
	}
	j.mu.Unlock()
	if free != nil {
		select {
		case <-free:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	socket := filepath.Join(j.t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	life, cut := context.WithCancel(context.Background())
	p := &living{cut: cut, done: make(chan struct{})}
	p.server = &httptest.Server{Listener: l, Config: &http.Server{Handler: j.handlers[plan.Version], BaseContext: func(net.Listener) context.Context { return life }}}
	p.server.Start()
	var dialer net.Dialer
	p.dial = func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "unix", socket) }
	j.mu.Lock()
	defer j.mu.Unlock()
	j.up[plan.Version] = p
	return p, nil
}

func (j *judged) kill(version string) {
	j.mu.Lock()
	p := j.up[version]
	j.mu.Unlock()
	p.kill()
}

func (*judged) All(context.Context) ([]rollout.Saved, error) { return nil, nil }
func (j *judged) Save(_ context.Context, _ rollout.Record, rev uint64) (uint64, error) {
	return rev + 1, nil
}
func (*judged) Claim(module.Release, []manifest.Route) error                { return nil }
func (*judged) Keep(string, ...module.Digest)                               {}
func (*judged) Emit(module.Event)                                           {}
func (*judged) Audit(context.Context, module.AuditRecord) error             { return nil }
func (*judged) Note(module.AuditRecord)                                     {}
func (*judged) File(context.Context, module.RolloutStatus) error            { return nil }
func (*judged) Check(context.Context, rollout.Instance, policy.Check) error { return nil }
func (*judged) Hook(context.Context, string, policy.Point, module.RolloutStatus) error {
	return nil
}
func (*judged) Rehearse(context.Context, string, rollout.Instance, policy.Rehearsal) (module.Comparison, error) {
	return module.Comparison{}, nil
}

// newJudged makes a front on which 1.0.0 is stable, has stood its trial and is known to
// be fast.
func newJudged(t *testing.T, handlers map[string]http.HandlerFunc) *judged {
	t.Helper()
	j := &judged{site: newSite(t), handlers: handlers, up: map[string]*living{}}
	j.run(rollout.Config{Instances: j, Log: j})
	j.offer("1.0.0", policyWith(func(p *policy.Policy) { p.Hold = new(manifest.Duration(0)) }))
	j.await("1.0.0 has stood its trial", func(s module.Status) bool {
		return s.Stable != nil && s.Rollout.Verdict != module.Pending
	})
	for range 2 * slowMinimum {
		j.ask("GET", "/a", nil)
	}
	return j
}

// run runs an engine until the end of the test.
func (j *judged) run(cfg rollout.Config) {
	j.t.Helper()
	cfg.Traffic, cfg.Records, cfg.Claims, cfg.History, cfg.Checks, cfg.DrainTimeout = j, j, j, j, j, patience
	engine, err := rollout.New(cfg)
	if err != nil {
		j.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	j.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			j.t.Error(err)
		}
	})
	j.engine = engine
}

func (j *judged) offer(version string, how policy.Policy) {
	j.t.Helper()
	plan := rollout.Plan{Release: release("a", version), Routes: []manifest.Route{{Path: "/a"}}, Health: manifest.Health{
		Interval: manifest.Duration(time.Second), Timeout: manifest.Duration(time.Second), Deadline: manifest.Duration(patience), Passes: 1, Failures: 3}}
	eventually(j.t, "the offer of "+version, func() bool {
		_, err := j.engine.Offer(j.t.Context(), rollout.Offer{Plan: plan, Policy: how, Actor: module.Self})
		return err == nil
	})
}

func (j *judged) await(what string, is func(module.Status) bool) module.Status {
	j.t.Helper()
	var s module.Status
	eventually(j.t, what, func() bool {
		var err error
		s, err = j.engine.Status("a")
		return err == nil && is(s)
	})
	return s
}

func (j *judged) awaitStep(step int) {
	j.t.Helper()
	j.await("a step begins", func(s module.Status) bool {
		return s.Rollout.Phase == "shifting" && s.Rollout.Step == step && s.Candidate != nil && s.Candidate.State == module.Shifting
	})
}

// uses lets n users come at once, again and again, until is. It reports how many got
// anything but a 200.
func (j *judged) uses(n int, what string, is func(module.Status) bool) (s module.Status, failed int) {
	j.t.Helper()
	var mu sync.Mutex
	var users sync.WaitGroup
	stop := make(chan struct{})
	for range n {
		users.Go(func() {
			tr := &http.Transport{DisableKeepAlives: true}
			for {
				select {
				case <-stop:
					return
				default:
				}
				req, _ := http.NewRequestWithContext(context.Background(), "GET", j.url+"/a", nil)
				res, err := tr.RoundTrip(req)
				ok := err == nil && res.StatusCode == 200
				if err == nil {
					_, err = io.Copy(io.Discard, res.Body)
					ok = ok && err == nil
					_ = res.Body.Close()
				}
				if !ok {
					mu.Lock()
					failed++
					mu.Unlock()
				}
			}
		})
	}
	defer users.Wait()
	defer close(stop)
	return j.await(what, is), failed
}

// stays is a gradual policy that keeps its steps until it is resumed.
func stays(change ...func(*policy.Policy)) policy.Policy {
	return policyWith(func(p *policy.Policy) {
		p.Steps = []manifest.Weight{2000, 5000, manifest.Full}
		p.Hold, p.Limit, p.Unproven = new(manifest.Duration(0)), new(manifest.Duration(time.Hour)), manifest.Wait
		p.MinRequests = 1_000_000
		p.Signs = map[policy.Sign]manifest.Weight{policy.Crash: 1, policy.Restart: 1}
		for _, c := range change {
			c(p)
		}
	})
}

func hangs(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func inPhase(phase string) func(module.Status) bool {
	return func(s module.Status) bool { return s.Rollout.Phase == phase }
}

// While a side is down the other one's failures, and its good answers, are no evidence:
// the sample stands still until both are up again.
func TestWhatOneSideGetsWhileTheOtherIsDownIsNoEvidence(t *testing.T) {
	for _, down := range []string{"1.0.0", "1.1.0"} {
		t.Run(down, func(t *testing.T) {
			j := newJudged(t, map[string]http.HandlerFunc{"1.0.0": answers(200, "old"), "1.1.0": answers(200, "new")})
			j.offer("1.1.0", stays())
			j.awaitStep(1)
			j.held(down)
			j.kill(down)
			eventually(t, "the crash is noticed", func() bool { return j.partial() })
			before := j.await("a status", inPhase("shifting")).Rollout
			for range 30 { // those of stable's wait in vain while it is down
				count(t, j.traffic, "/a", 1)
			}
			now := j.await("a status", inPhase("shifting")).Rollout
			if now.StableSample != before.StableSample || now.CandidateSample != before.CandidateSample {
				t.Errorf("before %+v and %+v, then %+v and %+v", before.StableSample, before.CandidateSample, now.StableSample, now.CandidateSample)
			}
			j.release()
			eventually(t, "both are up", func() bool { return !j.partial() })
			for range 30 {
				j.ask("GET", "/a", nil)
			}
			j.await("both are counted", func(s module.Status) bool {
				return s.Rollout.StableSample.Requests >= before.StableSample.Requests+20 && s.Rollout.CandidateSample.Requests > before.CandidateSample.Requests
			})
		})
	}
}

func TestACandidateThatHangsHasNoMoreThanItsFewUntilItIsOut(t *testing.T) {
	j := newJudged(t, map[string]http.HandlerFunc{"1.0.0": answers(200, "old"), "1.1.0": hangs})
	j.offer("1.1.0", stays(func(p *policy.Policy) {
		p.Steps[0], p.SlowFloor = 1000, new(manifest.Duration(200*time.Millisecond))
	}))
	s, failed := j.uses(20, "it is taken back", inPhase("rolled-back"))
	if failed > 0 || s.Rollout.CandidateSample.Requests > 5 || !strings.Contains(s.Rollout.Reason, "took too long") {
		t.Errorf("%d users failed, %+v: %s", failed, s.Rollout.CandidateSample, s.Rollout.Reason)
	}
}

func TestWhatHangsAfterASwitchGivesWayAndNobodyFails(t *testing.T) {
	j := newJudged(t, map[string]http.HandlerFunc{"1.0.0": answers(200, "old"), "1.1.0": hangs})
	j.offer("1.1.0", policyWith(func(p *policy.Policy) {
		p.Strategy, p.Hold = manifest.Instant, new(manifest.Duration(time.Hour))
		p.SlowFloor = new(manifest.Duration(200 * time.Millisecond))
	}))
	j.await("it is switched to", func(s module.Status) bool { return s.Stable.Version == "1.1.0" })
	_, failed := j.uses(20, "the one before is back", func(s module.Status) bool {
		return s.Stable.Version == "1.0.0" && s.Rollout.Phase == "promoted"
	})
	if failed > 0 {
		t.Errorf("%d users failed", failed)
	}
}

func TestWhatFailsAfterASwitchIsAnsweredByTheOneBefore(t *testing.T) {
	j := newJudged(t, map[string]http.HandlerFunc{"1.0.0": answers(200, "old"), "1.1.0": answers(500, "broken")})
	j.offer("1.1.0", policyWith(func(p *policy.Policy) {
		p.Strategy, p.Hold = manifest.Instant, new(manifest.Duration(time.Hour))
	}))
	j.await("it is switched to", func(s module.Status) bool { return s.Stable.Version == "1.1.0" })
	_, failed := j.uses(2, "the one before is back", func(s module.Status) bool { return s.Stable.Version == "1.0.0" })
	if failed > 0 {
		t.Errorf("%d users failed", failed)
	}
}

func TestALongDownloadThatFailsInALaterStepIsNoEvidenceThere(t *testing.T) {
	fail := make(chan struct{})
	download := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/a/long" {
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<16))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-fail:
			panic(http.ErrAbortHandler)
		case <-r.Context().Done():
		}
	}
	j := newJudged(t, map[string]http.HandlerFunc{"1.0.0": download, "1.1.0": download})
	j.offer("1.1.0", stays())
	j.awaitStep(1)
	var downloads sync.WaitGroup
	const n = 40
	under := make(chan struct{}, n)
	for range n {
		downloads.Go(func() {
			res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(mustRequest(j.url + "/a/long"))
			under <- struct{}{}
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			if _, err := io.Copy(io.Discard, res.Body); err == nil {
				t.Error("the download did not fail")
			}
		})
	}
	for range n {
		<-under
	}
	if err := j.engine.Approve(t.Context(), rollout.Order{Actor: module.Self, Module: "a", Point: "evidence"}); err != nil {
		t.Fatal(err)
	}
	j.awaitStep(2)
	close(fail)
	downloads.Wait()
	for range 20 {
		j.ask("GET", "/a", nil)
	}
	s := j.await("what came after is counted", func(s module.Status) bool {
		return s.Rollout.StableSample.Requests+s.Rollout.CandidateSample.Requests >= 20
	})
	ro := s.Rollout
	if ro.Step != 2 || ro.StableSample.Errors+ro.CandidateSample.Errors != 0 || ro.StableSample.Requests+ro.CandidateSample.Requests != 20 {
		t.Errorf("step %d: stable %+v, candidate %+v", ro.Step, ro.StableSample, ro.CandidateSample)
	}
}

func mustRequest(url string) *http.Request {
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		panic(err)
	}
	return req
}
