package host

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/goleak"
)

//go:embed testdata/member/module.yaml
var memberManifest string

// memberPath is the path of the built testdata/member.
var memberPath string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "host")
	if err != nil {
		panic(err)
	}
	memberPath = filepath.Join(dir, "member")
	build := exec.Command("go", "build", "-o", memberPath, "./testdata/member")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as modules are built
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the module: %v\n%s", err, out)
		os.Exit(1)
	}
	goleak.VerifyTestMain(cleaned{m, dir})
}

// cleaned removes the built module after the tests: goleak exits by itself.
type cleaned struct {
	m   *testing.M
	dir string
}

func (c cleaned) Run() int {
	defer os.RemoveAll(c.dir)
	return c.m.Run()
}

// crewed is a front with an engine whose releases run as real processes, three each.
type crewed struct {
	*judged
	starter *instance.Starter
	binary  *os.File

	runDir string

	mu     sync.Mutex
	unfit  func(id string) bool // which processes do not come up; nil for none
	events []module.Event
}

const manned = 3

// newCrewed makes one on which 1.0.0 is stable, has stood its trial and is settled.
func newCrewed(t *testing.T) *crewed {
	t.Helper()
	c := &crewed{judged: &judged{site: newSite(t)}, runDir: filepath.Join(t.TempDir(), "run")}
	var err error
	if c.starter, err = instance.New(instance.Config{RunDir: c.runDir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.starter.Close)
	if c.binary, err = os.Open(memberPath); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.binary.Close() })
	c.run(rollout.Config{Instances: c, Log: c})
	c.offer("1.0.0", policyWith(func(p *policy.Policy) { p.Hold = new(manifest.Duration(0)) }))
	c.await("1.0.0 has stood its trial", func(s module.Status) bool {
		return s.Stable != nil && s.Rollout.Verdict != module.Pending && s.Stable.State == module.Serving
	})
	return c
}

func (c *crewed) Emit(ev module.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, ev)
}

// told is how often an event was told of an instance whose id begins so.
func (c *crewed) told(typ module.EventType, instance string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, ev := range c.events {
		if ev.Type == typ && strings.HasPrefix(ev.Instance, instance) {
			n++
		}
	}
	return n
}

func (c *crewed) Start(ctx context.Context, id string, plan rollout.Plan) (rollout.Instance, error) {
	made, err := startCrew(ctx, c.configOf(id, plan))
	if err != nil {
		return nil, err
	}
	return made, nil
}

func (c *crewed) configOf(id string, plan rollout.Plan) crewConfig {
	return crewConfig{id: id, plan: plan, replicas: manned, plain: patience, emit: c.Emit,
		start: func(ctx context.Context, id string) (rollout.Instance, error) {
			spec := instance.Spec{ID: id, Release: plan.Release, Binary: c.binary, Env: []string{"VERSION=" + plan.Version},
				ManifestText: []byte(strings.Replace(memberManifest, "1.0.0", plan.Version, 1))}
			c.mu.Lock()
			if c.unfit != nil && c.unfit(id) {
				spec.Env = append(spec.Env, "UNFIT=1")
			}
			c.mu.Unlock()
			inst, err := c.starter.Start(ctx, spec)
			if err != nil {
				return nil, err
			}
			return process{Instance: inst}, nil
		}}
}

// refuse says which processes do not come up from now on.
func (c *crewed) refuse(unfit func(id string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unfit = unfit
}

// stable are the members of the stable release.
func (c *crewed) stable() []module.Member {
	c.t.Helper()
	s, err := c.engine.Status("a")
	if err != nil {
		c.t.Fatal(err)
	}
	if s.Stable == nil {
		return nil
	}
	return s.Stable.Members
}

// who is the process that answers, by its pid.
func (c *crewed) who() int {
	c.t.Helper()
	status, text, _ := c.ask("GET", "/a", nil)
	pid, err := strconv.Atoi(text)
	if status != http.StatusOK || err != nil {
		c.t.Fatalf("%d: %s", status, text)
	}
	return pid
}

// all waits until every member serves and answers requests, and gives their pids.
func (c *crewed) all(what string) []int {
	c.t.Helper()
	var pids []int
	eventually(c.t, what+": all members serve", func() bool {
		pids = nil
		for _, m := range c.stable() {
			if m.State == module.Serving && m.PID != 0 {
				pids = append(pids, m.PID)
			}
		}
		return len(pids) == manned
	})
	eventually(c.t, what+": all members answer", func() bool {
		seen := map[int]bool{}
		for range 20 * manned {
			seen[c.who()] = true
		}
		return !slices.ContainsFunc(pids, func(pid int) bool { return !seen[pid] })
	})
	return pids
}

// kill ends a process and waits until it has.
func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// failure is a request that got no 200.
type failure struct {
	began time.Time
	what  string
}

// load has n users ask again and again until the given end. It gives how many requests
// were answered well, and those that were not.
func (c *crewed) load(n int) (end func() (good int, failed []failure)) {
	var mu sync.Mutex
	var users sync.WaitGroup
	good, failed, stop := 0, []failure(nil), make(chan struct{})
	for range n {
		users.Go(func() {
			tr := &http.Transport{}
			defer tr.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				began := time.Now()
				what := askOnce(tr, c.url+"/a")
				mu.Lock()
				if good++; what != "" {
					good--
					failed = append(failed, failure{began, what})
				}
				mu.Unlock()
			}
		})
	}
	return func() (int, []failure) {
		close(stop)
		users.Wait()
		return good, failed
	}
}

// askOnce makes a request; it says what was wrong with the answer.
func askOnce(tr *http.Transport, url string) string {
	req, _ := http.NewRequestWithContext(context.Background(), "GET", url, nil)
	res, err := tr.RoundTrip(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Sprint(res.Status, " ", string(text), " ", err)
	}
	return ""
}

func TestAReleaseRunsAsSeveralProcessesThatShareItsRequests(t *testing.T) {
	c := newCrewed(t)
	pids := c.all("at first")
	s := c.await("a status", func(module.Status) bool { return true })
	if s.Stable.PID != pids[0] || s.Stable.Instance != "a-1-1" {
		t.Errorf("the release is process %d, instance %s; the members are %v", s.Stable.PID, s.Stable.Instance, pids)
	}
	for n, m := range s.Stable.Members {
		if want := fmt.Sprintf("a-1-1-%d", n+1); m.Instance != want || m.Restarts != 0 || m.Since.IsZero() || m.Usage.Memory == 0 {
			t.Errorf("member %d is %+v, want %s", n, m, want)
		}
	}
}

func TestAMemberThatIsKilledCostsWhatItHadAndComesBack(t *testing.T) {
	c := newCrewed(t)
	pids := c.all("at first")
	const users = 4
	end := c.load(users)
	for range 3 {
		victim := pids[1]
		kill(t, victim)
		eventually(t, "the crew notices", func() bool {
			return !slices.ContainsFunc(c.stable(), func(m module.Member) bool { return m.PID == victim })
		})
		pids = c.all("again")
		if slices.Contains(pids, victim) {
			t.Fatal("the dead serves")
		}
	}
	good, failed := end()
	if len(failed) > 3*users {
		t.Errorf("%d of %d requests failed, and no more than %d were with those that were killed: %v", len(failed), good, 3*users, failed)
	}
	if n := c.told(module.InstanceCrashed, "a-1-1-"); n != 3 {
		t.Errorf("%d crashes were told", n)
	}
	s := c.await("a status", func(module.Status) bool { return true })
	if m := s.Stable.Members[1]; m.Restarts != 3 || m.Fell == nil || !strings.Contains(m.Fell.Reason, "SIGKILL") {
		t.Errorf("the member is %+v", m)
	}
	if s.Stable.Restarts != 0 || s.State != module.Active {
		t.Errorf("the release is %+v in state %s", s.Stable, s.State)
	}
}

func TestRequestsGoOnWhileAMemberIsAway(t *testing.T) {
	c := newCrewed(t)
	pids := c.all("at first")
	c.refuse(func(string) bool { return true })
	kill(t, pids[0])
	eventually(t, "it cannot be replaced", func() bool { return c.told(module.InstanceCrashed, "a-1-1-5") == 1 })
	for range 50 {
		if pid := c.who(); pid == pids[0] {
			t.Fatal("the dead answers")
		}
	}
	m := c.stable()[0]
	if m.PID != 0 || m.Restarts != 0 || m.Fell == nil || !strings.Contains(m.Fell.Reason, "unfit to serve") {
		t.Errorf("the member is %+v", m)
	}
	c.refuse(nil)
	c.all("again")
}

func TestAMemberThatIsUnwellIsReplacedWhileTheOthersServe(t *testing.T) {
	c := newCrewed(t)
	pids := c.all("at first")
	c.ask("GET", "/a/fall-ill", nil)
	eventually(t, "one is unwell", func() bool { return c.told(module.InstanceUnwell, "a-1-1-") == 1 })
	now := c.all("again")
	if kept := slices.DeleteFunc(slices.Clone(pids), func(pid int) bool { return !slices.Contains(now, pid) }); len(kept) != manned-1 {
		t.Errorf("of %v there are %v in %v", pids, kept, now)
	}
	eventually(t, "it was stopped", func() bool { return c.told(module.InstanceStopped, "a-1-1-") == 1 })
}

func TestAMemberThatHangsIsReplacedAndKilled(t *testing.T) {
	c := newCrewed(t)
	pids := c.all("at first")
	if err := syscall.Kill(pids[2], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is unwell", func() bool { return c.told(module.InstanceUnwell, "a-1-1-3") == 1 })
	for range 20 {
		if pid := c.who(); pid == pids[2] {
			t.Fatal("it answers")
		}
	}
	c.all("again")
	eventually(t, "it was killed", func() bool { return c.told(module.InstanceStopped, "a-1-1-3") == 1 })
}

func TestWhereEveryMemberIsUnwellTheyServeUntilAnotherCrewDoes(t *testing.T) {
	c := newCrewed(t)
	ill := c.all("at first")
	for seen := map[string]bool{}; len(seen) < manned; {
		_, pid, _ := c.ask("GET", "/a/fall-ill", nil)
		seen[pid] = true
	}
	end := c.load(2)
	c.await("another crew", func(s module.Status) bool {
		return s.Stable.Instance != "a-1-1" && s.Stable.State == module.Serving
	})
	good, failed := end()
	if len(failed) > 0 {
		t.Errorf("%d of %d requests failed: %v", len(failed), good, failed)
	}
	for _, pid := range c.all("again") {
		if slices.Contains(ill, pid) {
			t.Errorf("process %d serves", pid)
		}
	}
}

func TestACrewOfWhichNobodyServesIsStartedAnew(t *testing.T) {
	c := newCrewed(t)
	pids := c.all("at first")
	for _, pid := range pids {
		kill(t, pid)
	}
	c.await("another crew", func(s module.Status) bool { return s.Stable.Restarts > 0 && s.Stable.State == module.Serving })
	for _, pid := range c.all("again") {
		if slices.Contains(pids, pid) {
			t.Errorf("process %d serves", pid)
		}
	}
}

func TestACandidateOfWhichOneProcessFallsIsTakenBack(t *testing.T) {
	c := newCrewed(t)
	c.offer("1.1.0", stays(func(p *policy.Policy) { p.Signs = map[policy.Sign]manifest.Weight{policy.Crash: manifest.Full} }))
	c.awaitStep(1)
	s := c.await("a candidate", func(s module.Status) bool { return s.Candidate != nil && len(s.Candidate.Members) == manned })
	kill(t, s.Candidate.Members[2].PID)
	s = c.await("the way back", inPhase("rolled-back"))
	if !strings.Contains(s.Rollout.Reason, "a-2-2-3 killed by SIGKILL") {
		t.Errorf("it was taken back: %s", s.Rollout.Reason)
	}
	if n := c.told(module.InstanceCrashed, "a-1-"); n != 0 {
		t.Errorf("%d crashes of stable were told", n)
	}
	c.all("stable")
}

func TestACrewThatCannotComeUpAsAWholeLeavesNothing(t *testing.T) {
	c := newCrewed(t)
	c.refuse(func(id string) bool { return id == "a-2-2-2" })
	c.offer("1.1.0", stays())
	s := c.await("the end", inPhase("failed"))
	if !strings.Contains(s.Rollout.Reason, "a-2-2-2: ") || !strings.Contains(s.Rollout.Reason, "unfit to serve") {
		t.Errorf("it failed: %s", s.Rollout.Reason)
	}
	if left, _ := filepath.Glob(filepath.Join(c.runDir, "a-2-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	c.all("stable")
}

func TestACrewThatFallsInALoopSaysSoOnceAndServesOn(t *testing.T) {
	c := newCrewed(t)
	plan := rollout.Plan{Release: release("a", "1.2.0"), Health: manifest.Health{}.WithDefaults()}
	made, err := startCrew(t.Context(), c.configOf("loop", plan))
	if err != nil {
		t.Fatal(err)
	}
	defer made.Stop(t.Context())
	made.Settle()
	for n := range rollout.CrashLimit {
		var pid int
		eventually(t, "the member serves", func() bool {
			m := made.Members()[0]
			pid = m.PID
			return m.State == module.Serving && m.Restarts == n
		})
		kill(t, pid)
	}
	eventually(t, "a probe says so", func() bool { return errors.Is(made.Probe(t.Context()), rollout.ErrLoop) })
	if err := made.Probe(t.Context()); err != nil {
		t.Errorf("and then: %v", err)
	}
	select {
	case <-made.Done():
		t.Error("it has ended: " + made.Exit())
	default:
	}
}
