package host

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/segue-run/segue/runtime/gateway"
	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

// allowed is what a process of the plan may have, and what it asked for beyond.
func (s *instances) allowed(plan rollout.Plan) (permissions, withheld manifest.Permissions) {
	granted := grant.Union(s.cfg.Grants(plan.Module), plan.Granted)
	return grant.Common(plan.Asked, granted), grant.Missing(plan.Asked, granted)
}

// dataFolder is a module's own folder; empty where it did not ask for one. It outlives
// releases, and the module itself.
func (s *instances) dataFolder(name string, p manifest.Permissions) string {
	own := func(path string) bool { return strings.HasPrefix(path, manifest.DataFolder) }
	if !slices.ContainsFunc(slices.Concat(p.Read, p.Write), own) {
		return ""
	}
	return filepath.Join(dataDir(s.cfg.StateDir), name)
}

// dataDir is where the modules' own folders are.
func dataDir(stateDir string) string { return filepath.Join(stateDir, "data") }

// link is the gateway as one process has it.
type link struct {
	gateway               *gateway.Gateway
	release               module.Release
	permissions, withheld manifest.Permissions
}

var _ instance.Gateway = link{}

// Serve implements instance.Gateway.
func (l link) Serve(ctx context.Context, end *os.File, pid func() int, denied func(module.Denial)) {
	l.gateway.Serve(ctx, end, gateway.Request{Release: l.release, Permissions: l.permissions, Withheld: l.withheld, PID: pid, Denied: denied})
}

// denied tells what a module tried and may not, or which quota it has reached. Who did
// it is the module.
func (j *journal) denied(rel module.Release, id string, d module.Denial) {
	reason := d.By + ": " + d.What
	if d.Hint != "" {
		reason += "; " + d.Hint
	}
	message := rel.String() + " may not " + d.What
	if d.By == "quota" {
		message = rel.String() + " has reached its quota: " + d.What
	}
	j.Emit(module.Event{Type: module.ModuleDenied, Module: rel.Module, Version: rel.Version, Digest: rel.Digest, Instance: id, Reason: reason, Message: message})
	j.Note(module.AuditRecord{Actor: module.Actor{Kind: "module", Name: rel.Module}, Action: d.What, Target: rel.String(), Digest: rel.Digest, Outcome: "denied", Reason: reason})
}
