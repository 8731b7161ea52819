package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/segue-run/segue/bench/internal/harness"
	"github.com/segue-run/segue/bench/internal/load"
	"github.com/segue-run/segue/runtime/module"
)

const (
	name  = "hello"
	limit = 40 * time.Second // for one act
)

// stage is where the play happens.
type stage struct {
	host *harness.Host
	load *load.Watch
}

func (s *stage) first(ctx context.Context) error {
	say("cp hello-1.0.0 modules/: a file in the folder is all it takes.")
	dropped := time.Now()
	if err := s.host.Drop(s.host.Built("hello-1.0.0")); err != nil {
		return err
	}
	status, err := s.host.WaitFor(ctx, name, limit, harness.Serves("1.0.0"))
	if err != nil {
		return err
	}
	detail("hello@1.0.0 serves %s/hello, pid %d, %d ms after the drop",
		s.host.URL, status.Stable.PID, time.Since(dropped).Milliseconds())
	return nil
}

// acts are played under load.
func (s *stage) acts(ctx context.Context) error {
	for _, act := range []func(context.Context) error{s.good, s.bad, s.after} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) good(ctx context.Context) error {
	say("cp hello-1.1.0 modules/: a new release; traffic moves over in steps of 10, 50 and 100 %%, 2 s each.")
	status, err := s.rollout(ctx, "hello-1.1.0", "1.1.0")
	if err != nil {
		return err
	}
	if status.Rollout.Verdict != module.Pass || status.Stable == nil || status.Stable.Version != "1.1.0" {
		return fmt.Errorf("hello@1.1.0 was not promoted: %s", status.Rollout.Reason)
	}
	detail("hello@1.1.0 is stable now")
	return nil
}

func (s *stage) bad(ctx context.Context) error {
	say("cp hello-2.0.0-errors modules/: a bad release; its probes pass, and it answers every request with 500.")
	status, err := s.rollout(ctx, "hello-2.0.0-errors", "2.0.0-errors")
	if err != nil {
		return err
	}
	if status.Rollout.Verdict != module.Fail || status.Stable == nil || status.Stable.Version != "1.1.0" {
		return fmt.Errorf("hello@2.0.0 was not taken back: it is %s", status.Rollout.Phase)
	}
	detail("taken back: %s", status.Rollout.Reason)
	say("segue show hello")
	text, err := s.host.Command(ctx, "show", name)
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		detail("%s", strings.TrimRight(line, "\n"))
	}
	return nil
}

// after lets the stable release serve on for a moment and checks that it is alone.
func (s *stage) after(ctx context.Context) error {
	say("hello@1.1.0 has all the traffic again.")
	before := s.load.Result()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(2 * time.Second):
	}
	now := s.load.Result()
	detail("in the last 2 s: %d served by hello@1.1.0, %d failed",
		now.Releases["hello@1.1.0"].Served-before.Releases["hello@1.1.0"].Served, now.Failed-before.Failed)
	return nil
}

// rollout drops a file and shows how the weight moves until the rollout is over.
func (s *stage) rollout(ctx context.Context, file, version string) (*module.Status, error) {
	if err := s.host.Drop(s.host.Built(file)); err != nil {
		return nil, err
	}
	weight := -1
	before := s.load.Result()
	status, err := s.host.WaitFor(ctx, name, limit, func(st *module.Status) bool {
		r := st.Rollout
		if r == nil || r.To != version {
			return false
		}
		if c := st.Candidate; c != nil && int(c.Weight) != weight && !r.Over() {
			weight = int(c.Weight)
			detail("%5.4g %%  hello@%s  (%s)", float64(weight)/100, version, r.Phase)
		}
		return r.Over()
	})
	if err != nil {
		return nil, err
	}
	now := s.load.Result()
	release := name + "@" + version
	detail("%s served %d requests and failed %d, of %d sent meanwhile", release,
		now.Releases[release].Served-before.Releases[release].Served,
		now.Releases[release].Failed-before.Releases[release].Failed,
		now.Served+now.Failed-before.Served-before.Failed)
	return status, nil
}

// reckon prints the whole load and refuses a failure that is nobody's canary's.
func reckon(r load.Result) error {
	canary := r.Reasons["500 from hello@2.0.0-errors"]
	say("%d requests served, %d failed, in %.0f s.", r.Served, r.Failed, r.Seconds)
	for line := range strings.Lines(r.String()) {
		detail("%s", strings.TrimRight(line, "\n"))
	}
	if other := r.Failed - canary; other > 0 {
		return fmt.Errorf("%d requests failed that the bad canary did not answer itself", other)
	}
	detail("All %d that failed were answered with 500 by the bad canary itself, before it was taken back.", canary)
	detail("No request was lost by moving traffic.")
	return nil
}
