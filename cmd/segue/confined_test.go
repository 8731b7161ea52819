package main

import (
	"context"
	"fmt"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// confined is a runtime whose releases are held in, and one of which tries what it may
// not; another asks for more than its predecessor.
func confined(rt *apitest.Runtime) {
	shifting(rt)
	rt.OnVerb = nil
	now := time.Now()
	m, _ := rt.Module(context.Background(), "hello")
	m.Stable.Sandbox = &module.Sandbox{
		Level: module.LevelContained, Layers: []module.Layer{{Name: "landlock", State: module.LayerOn, Means: "files"}}, User: 700001,
		Useless: []string{"write /srv/out: user 700001 may not write there (root, mode 0755)", "env NIXVAR: is not set"},
	}
	m.Candidate.Sandbox = &module.Sandbox{
		Level: module.LevelIsolated,
		Layers: []module.Layer{
			{Name: "landlock", State: module.LayerPartly, Why: "ABI 2: TCP is not seen", Means: "files"},
			{Name: "own-user", State: module.LayerOff, Why: "this is not root", Means: "a user id of its own"},
			{Name: "cgroup-memory", State: module.LayerOff, Why: "no cgroup is delegated", Means: "memory"},
			{Name: "cgroup-cpu", State: module.LayerOff, Why: "no cgroup is delegated", Means: "processor time"},
			{Name: "landlock-audit", State: module.LayerOff, Why: "this is not root", Means: "files that are denied"},
		},
		Permissions: manifest.Permissions{Read: []string{"/etc/hostname"}, Exec: []string{"/usr/bin/convert"}},
		Withheld:    manifest.Permissions{Connect: []string{"api.example.com:443"}},
		Revoked:     manifest.Permissions{Read: []string{"/etc/hostname"}},
		Quotas:      manifest.Quotas{Memory: 256 << 20, OpenFiles: 1024},
	}
	ago := func(d time.Duration) time.Time { return now.Add(-d - time.Second) }
	m.Candidate.Denials = []module.Denial{
		{Last: ago(3 * time.Minute), Count: 1, By: "seccomp", What: "ptrace\x1b[2J"},
		{Last: ago(time.Minute), Count: 12, By: "gateway", What: "connect 10.0.0.1:443", Hint: "grant it in segue.yaml"},
		{Last: ago(2 * time.Minute), Count: 2, By: module.ByQuota, What: "memory", Hint: "raise modules.hello.quotas.memory in segue.yaml (now 256MiB) and restart the runtime", Fatal: true},
	}
	m.Candidate.Restarts, m.Candidate.Fell = 2, &module.Fall{At: ago(2 * time.Minute), Reason: "crashed: memory quota of 256 MiB reached", Quota: "memory"}
	for i := range 4 {
		m.Candidate.Denials = append(m.Candidate.Denials, module.Denial{Last: ago(time.Duration(4+i) * time.Hour), By: "landlock", What: fmt.Sprintf("read /etc/%d", i)})
	}
	m.Grants = &module.Grants{Permissions: manifest.Permissions{Connect: []string{"db.example.com:5432"}, Env: []string{"TZ"}}, Actor: "user:ann", At: ago(5 * time.Minute)}
	rt.Put(m)

	r := rolloutOf("2.0.0", "pending", 0)
	r.Module, r.Started = "billing", ago(time.Minute)
	r.Waiting = &module.Waiting{For: module.ForGrant, Since: ago(time.Minute), Deadline: now.Add(time.Hour), Message: "asks for more than 1.0.0; `segue approve billing grant` grants all that it asks for",
		Missing: &manifest.Permissions{Connect: []string{"api.example.com:443"}, Exec: []string{"/usr/bin/convert"}}}
	waits := module.Status{Name: "billing", State: module.RollingOut, Stable: stable(ago(time.Hour)), Rollout: r}
	rt.Put(waits)
	serving := module.Status{Name: "serving", State: module.Active, Stable: stable(ago(time.Hour))}
	serving.Stable.Sandbox = &module.Sandbox{Level: module.LevelIsolated, Withheld: *r.Waiting.Missing}
	rt.Put(serving)
	rt.OnVerb = func(verb string, o api.Order) error {
		if verb == "approve" && o.Point == "grant" { // into what the runtime shows from now on
			m := map[string]module.Status{"billing": waits, "serving": serving}[o.Module]
			m.Grants = &module.Grants{Permissions: *waits.Rollout.Waiting.Missing, Actor: "user:root", At: now}
			rt.Put(m)
		}
		return nil
	}
	failing := stable(ago(time.Hour))
	failing.State, failing.Restarts, failing.Reason = module.Restarting, 7, "crashed: memory quota of 1 GiB reached"
	failing.Fell = &module.Fall{At: ago(time.Second), Reason: failing.Reason, Quota: "memory", Hint: "raise modules.hog.quotas.memory in segue.yaml (now 1GiB) and restart the runtime"}
	rt.Put(module.Status{Name: "hog", State: module.Failing, Stable: failing})
}
