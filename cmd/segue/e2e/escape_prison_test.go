package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
	"github.com/segue-run/segue/runtime/module"
)

// prison is a site on which escape runs, and hello beside it.
type prison struct {
	*site
	world    *world
	targets  url.Values
	sandbox  module.Sandbox // what the runtime says that escape runs under
	pid      int            // of escape's process
	releases int            // of escape, so far
}

// prisonRules have nothing watched after a promotion: what escape tries would take it
// back.
const prisonRules = "rollout: {strategy: instant, hold: 0s}\nrollback_window: 1s\nhistory: 3\n"

func newPrison(t *testing.T, settings string) *prison {
	t.Helper()
	w := newWorld(t)
	s := newSite(t, prisonRules+settings)
	must(t, os.Chmod(filepath.Dir(s.dir), 0o711))
	s.start()
	p := &prison{site: s, world: w}
	s.segue("deploy", release("1.0.0"), "--wait")
	s.awaitStable("1.0.0")
	p.renew()
	p.targets = w.targets(s)
	return p
}

// renew has a new release of escape take over, with a process that nothing has been tried
// in.
func (p *prison) renew() {
	p.t.Helper()
	p.releases++
	version := fmt.Sprintf("1.%d.%d", p.releases/10, p.releases%10)
	p.segue("deploy", patched(p.t, chaos("escape"), "version: 1.0.0", "version: "+version), "--wait")
	p.eventually("escape "+version+" is stable", func() error {
		st, err := p.status("escape")
		if err != nil {
			return err
		}
		if st.State != module.Active || st.Stable == nil || st.Stable.Version != version || st.Candidate != nil ||
			st.Rollout != nil && !st.Rollout.Over() || st.Stable.Sandbox == nil || !alive(st.Stable.PID) {
			return fmt.Errorf("escape is %s", describe(st))
		}
		p.sandbox, p.pid = *st.Stable.Sandbox, st.Stable.PID
		if p.targets != nil {
			p.targets.Set(attack.Artifact, filepath.Join(p.state, "artifacts", string(st.Stable.Digest)))
		}
		return nil
	})
}

// on are the layers that are wholly there.
func (p *prison) on() (names []string) {
	for _, l := range p.sandbox.Layers {
		if l.State == module.LayerOn {
			names = append(names, l.Name)
		}
	}
	return names
}

// ordinary reports whether the module's process is not root.
func (p *prison) ordinary() bool { return os.Geteuid() != 0 || slices.Contains(p.on(), attack.OwnUser) }

// mostRead is how much of an answer is read.
const mostRead = 4 << 20

var attacker = &http.Client{Timeout: 2 * patience, Transport: &http.Transport{DisableKeepAlives: true}}

// try has escape try an attack, and says how that ended.
func (p *prison) try(a attack.Attack) attack.Result {
	p.t.Helper()
	resp, err := attacker.Post(p.url("/escape/"+a.Name+"?"+p.targets.Encode()), "", nil)
	if err != nil {
		return p.unanswered(a, err.Error())
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostRead))
	var r attack.Result
	switch {
	case strings.Contains(string(body), "not confined"), resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusBadRequest:
		p.t.Fatalf("%s: %s %s", a.Name, resp.Status, body)
	case len(body) == mostRead:
		return attack.Result{Attack: a.Name, Outcome: attack.Contained, Detail: "the answer was cut"}
	case err == nil && resp.StatusCode == http.StatusOK && json.Unmarshal(body, &r) == nil && r.Attack == a.Name:
		return r
	}
	return p.unanswered(a, fmt.Sprintf("%s: %.200s", resp.Status, body))
}

// unanswered is an attack that was not answered by the module: it has died of it, or was
// kept from answering.
func (p *prison) unanswered(a attack.Attack, said string) attack.Result {
	p.t.Helper()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); pause() {
		if !alive(p.pid) {
			return attack.Result{Attack: a.Name, Outcome: attack.Killed, Detail: p.lastDeath()}
		}
	}
	return attack.Result{Attack: a.Name, Outcome: attack.Contained, Detail: said}
}

func pause() { time.Sleep(5 * time.Millisecond) }

// lastDeath is what the runtime says of the end of escape's process.
func (p *prison) lastDeath() string {
	p.t.Helper()
	var said string
	p.eventually("the end of escape's process is told", func() error {
		for _, ev := range p.eventsOf(module.InstanceCrashed, "") {
			if ev.Module == "escape" && ev.Version == p.version() {
				said = ev.Reason + " " + ev.Message
			}
		}
		if said == "" {
			return errors.New("not yet")
		}
		return nil
	})
	return said
}

func (p *prison) version() string { return fmt.Sprintf("1.%d.%d", p.releases/10, p.releases%10) }

// judge checks an outcome against what the attack's layers promise.
func (p *prison) judge(a attack.Attack, r attack.Result) {
	p.t.Helper()
	held := a.Held(p.on(), p.ordinary())
	p.t.Logf("%-22s %-10s held=%-5t %s", a.Name, r.Outcome, held, r.Detail)
	if !held {
		return
	}
	if !a.May(r.Outcome) {
		p.t.Errorf("%s (%s) has %s: %s", a.Name, a.Tries, r.Outcome, r.Detail)
	}
	if r.Outcome == attack.Killed && !strings.Contains(r.Detail, a.Explained) {
		p.t.Errorf("%s: the runtime explains its end by %q, without %q", a.Name, r.Detail, a.Explained)
	}
	if a.Denial != "" && r.Outcome == attack.Stopped && slices.Contains(p.on(), attack.Notify) {
		p.denied(a)
	}
}

// denied waits until the runtime shows the attack among what it has denied.
func (p *prison) denied(a attack.Attack) {
	p.t.Helper()
	var shown []module.Denial
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); pause() {
		st, err := p.status("escape")
		must(p.t, err)
		if shown = st.Stable.Denials; slices.ContainsFunc(shown, func(d module.Denial) bool { return strings.Contains(d.What, a.Denial) }) {
			return
		}
	}
	p.t.Errorf("%s: no denial of %q is shown: %+v", a.Name, a.Denial, shown)
}
