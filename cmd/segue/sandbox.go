package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// maxDenials is how many denials are shown of each release.
const maxDenials = 5

// showSandboxes shows what holds each release's process in, as far as that is known, and
// what it was denied.
func showSandboxes(w io.Writer, m module.Status, colour bool) {
	t := table{indent: "  "} // no line is cut: what helps may stand at its end
	said := false
	for _, role := range roles(m) {
		r := current(m)[role]
		first := len(t.rows)
		if s := r.Sandbox; s != nil && s.Level != "" {
			t.row("", "sandbox", heldIn(s))
			if granted := grant.Lines(s.Permissions); len(granted) > 0 {
				t.row("", "granted", strings.Join(granted, ", "))
			}
			for _, revoked := range grant.Lines(s.Revoked) {
				t.row("", "revoked", revoked+" (this process has it until it ends)")
			}
			for _, withheld := range grant.Lines(s.Withheld) {
				t.row("", "withheld", withheld)
			}
			for _, useless := range s.Useless {
				t.row("", "useless", useless)
			}
			if quotas := quotasOf(s.Quotas); quotas != "" {
				if len(r.Members) > 0 {
					quotas += " (each process)"
				}
				t.row("", "quotas", quotas)
			}
		}
		denialRows(&t, r.Denials)
		if text := unrecorded(r.Sandbox); text != "" && len(r.Denials) > 0 && !said {
			t.row("", "", text)
			said = true
		}
		if len(t.rows) > first {
			t.rows[first][0] = printable(role)
		}
	}
	if g := m.Grants; g != nil {
		label := "approved"
		for _, line := range grant.Lines(g.Permissions) {
			t.row(label, "", line)
			label = ""
		}
		t.row("", "", fmt.Sprintf("by %s, %s; `segue revoke %s` takes it back", g.Actor, ago(g.At), m.Name))
	}
	if len(t.rows) > 0 {
		t.print(w, false, colour)
		fmt.Fprintln(w)
	}
}

// heldIn is a sandbox's level, the process's own user, and which layers are not wholly
// there: "isolated; not there: own-user, cgroup-memory (`segue doctor` says why)".
func heldIn(s *module.Sandbox) string {
	text, lacks := string(s.Level), false
	if s.User != 0 {
		text += fmt.Sprintf(", as user %d", s.User)
	}
	for _, lack := range []struct {
		state module.LayerState
		words string
	}{{module.LayerOff, "not there"}, {module.LayerPartly, "partly there"}} {
		var names []string
		for _, l := range s.Layers {
			if l.State == lack.state {
				names = append(names, l.Name)
			}
		}
		if len(names) > 0 {
			text, lacks = text+"; "+lack.words+": "+strings.Join(names, ", "), true
		}
	}
	if lacks {
		text += " (`segue doctor` says why)"
	}
	return text
}

// quotasOf are the quotas that are set, "memory 256MiB, open files 1024".
func quotasOf(q manifest.Quotas) string {
	var texts []string
	for _, field := range manifest.QuotaFields() {
		if text := q.Text(field); text != "" {
			texts = append(texts, strings.ReplaceAll(field, "_", " ")+" "+text)
		}
	}
	return strings.Join(texts, ", ")
}

// denialRows are the latest denials, and how many more there are.
func denialRows(t *table, all []module.Denial) {
	latest := slices.SortedStableFunc(slices.Values(all), func(a, b module.Denial) int { return b.Last.Compare(a.Last) })
	for _, d := range latest[:min(len(latest), maxDenials)] {
		label, what := "denied", d.What+" (by "+d.By+")"
		if d.By == module.ByQuota {
			label, what = "reached", "its quota of "+d.What
		}
		if d.Fatal {
			what += ", which ended it"
		}
		t.row("", label, because(fmt.Sprintf("%s, %s, %s", what, counted(max(d.Count, 1), "time"), ago(d.Last)), d.Hint))
	}
	if more := len(latest) - maxDenials; more > 0 {
		t.row("", "", fmt.Sprintf("and %d more: -o json lists all", more))
	}
}

// unrecorded says which denials a release shows none of, as nothing records them; empty
// where all are.
func unrecorded(s *module.Sandbox) string {
	if s == nil {
		return ""
	}
	for _, l := range s.Layers {
		if l.Name == module.LayerAudit && l.State == module.LayerOff {
			return "denied files are not recorded here (" + because(l.Name, l.Why) + ")"
		}
	}
	return ""
}

// denied says how much a release was denied, "1.1.0: 3 denials"; empty for nothing.
func denied(r *module.ReleaseStatus) string {
	if r == nil || len(r.Denials) == 0 {
		return ""
	}
	return r.Version + ": " + counted(uint64(len(r.Denials)), "denial")
}

// askRows are the permissions that a rollout waits for, every one.
func askRows(t *table, w *module.Waiting) {
	if w.Missing == nil {
		return
	}
	label := "asks for"
	for _, line := range grant.Lines(*w.Missing) {
		t.row(label, line)
		label = ""
	}
}
