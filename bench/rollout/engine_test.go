package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/bench/rollout/internal/traffic"
	"github.com/segue-run/segue/bench/rollout/internal/trial"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/goleak"
)

var (
	engineRuns = flag.Int("engine.runs", 1, "rollouts a scenario through the real engine")
	engineOut  = flag.String("engine.out", "", "the file for the engine's results; none by default")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// It is also how the benchmark plays rollouts through the engine: virtual time is to be
// had in tests alone.
func TestTheEngineBringsEachRolloutToItsEnd(t *testing.T) {
	results := played{}
	t.Run("runs", func(t *testing.T) {
		for _, s := range engineScenarios() {
			all := make([]trial.Result, *engineRuns)
			results[s.name] = all
			workers := runtime.GOMAXPROCS(0)
			for worker := range workers {
				t.Run(fmt.Sprintf("%s/%d", s.name, worker), func(t *testing.T) {
					t.Parallel()
					for i := worker; i < len(all); i += workers {
						synctest.Test(t, func(t *testing.T) { all[i] = roll(t, s.cfg, uint64(i)) })
					}
				})
			}
		}
	})
	if *engineOut == "" {
		return
	}
	text, err := json.Marshal(results)
	if err == nil {
		err = os.WriteFile(*engineOut, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// roll brings a stable release up, and then the candidate.
func roll(t *testing.T, cfg trial.Config, seed uint64) trial.Result {
	w := &world{cfg: cfg, salt: traffic.Mix(seed), draw: rand.New(rand.NewPCG(seed, 3)), saved: map[string]rollout.Saved{}}
	engine, err := rollout.New(rollout.Config{Instances: w, Traffic: w, Records: w, Claims: w, Log: w, History: w, Checks: w})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- engine.Run(ctx) }()
	synctest.Wait()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	offer(t, engine, stableVersion, cfg.Policy)
	time.Sleep(time.Minute) // past its trial

	source := traffic.New(cfg.Traffic, rand.New(rand.NewPCG(seed, 2)))
	begun, offered := time.Now(), false
	for !w.ended() {
		r := source.Next()
		time.Sleep(r.At - time.Since(begun))
		if !offered && r.At >= warmUp {
			offered = true
			offer(t, engine, candidateVersion, cfg.Policy)
		}
		w.serve(r)
		if r.At > time.Hour {
			t.Fatal("the rollout does not end")
		}
	}
	return w.result
}

// warmUp is how long stable is seen before the candidate comes.
const warmUp = 10 * time.Second

func offer(t *testing.T, engine *rollout.Engine, version string, how policy.Policy) {
	t.Helper()
	second := manifest.Duration(time.Second)
	plan := rollout.Plan{
		Release: module.Release{Module: "hello", Version: version, Digest: module.Digest(strings.Repeat(fmt.Sprintf("%x", version), 8))},
		Routes:  []manifest.Route{{Path: "/hello"}},
		Health:  manifest.Health{Interval: second, Timeout: second, Passes: 2, Failures: 3, Deadline: 10 * second},
	}
	_, err := engine.Offer(t.Context(), rollout.Offer{Plan: plan, Policy: how, Actor: module.Actor{Kind: "user", Name: "bench"}})
	if err != nil {
		t.Fatal(err)
	}
}
