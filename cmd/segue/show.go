package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/module"
)

// maxPast is how many past releases are shown.
const maxPast = 5

func showCommand() *cobra.Command {
	var again bool
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a module, its releases and its rollout",
		Example: `  segue show hello
  segue show hello --watch
  segue show hello -o json | jq .stable.version`,
		Args: takes("NAME"),
		RunE: withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if again {
				return watchModule(cmd, c, args[0])
			}
			m, err := c.Module(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, m)
			}
			showModule(cmd.OutOrStdout(), m)
			return nil
		}),
	}
	cmd.Flags().BoolVarP(&again, "watch", "w", false, "show it again each second, or where it is no terminal with each change, until interrupted")
	stateFlag(cmd)
	outputFlag(cmd)
	return cmd
}

func showModule(w io.Writer, m module.Status) {
	colour := wantsColour(w)
	fmt.Fprintf(w, "%s  %s", printable(m.Name), paint(string(m.State), colour))
	if len(m.Routes) > 0 {
		fmt.Fprintf(w, "  %s", printable(routes(m, len(m.Routes))))
	}
	fmt.Fprint(w, "\n\n")
	showDoor(w, m)
	if text := trouble(m.Stable); text != "" {
		fmt.Fprintf(w, "  stable %s %s\n", printable(m.Stable.Version), printable(text))
		helps := fmt.Sprintf("segue rollback %s, or deploy another release", m.Name)
		if f := m.Stable.Fell; f != nil && f.Hint != "" {
			helps = f.Hint + "; or " + helps
		}
		fmt.Fprintf(w, "  what helps: %s\n\n", printable(helps))
	}
	showRunning(w, m, colour)
	showMembers(w, m, colour)
	showSandboxes(w, m, colour)
	if m.Rollout != nil {
		showRollout(w, m.Rollout, m.Stable, colour)
	}
	if q := m.Queued; q != nil {
		fmt.Fprintf(w, "\nqueued  %s by %s since %s: it comes when this rollout is over\n", printable(q.Version), printable(q.Actor), age(q.Since))
	}
	showPast(w, m, colour)
}

// roles are those that a release of the module has, in their order. A predecessor that is
// on its way back is a candidate alone.
func roles(m module.Status) []string {
	return slices.DeleteFunc([]string{"stable", "candidate", "previous"}, func(role string) bool {
		return current(m)[role] == nil || role == "previous" && m.Candidate != nil && m.Previous.Digest == m.Candidate.Digest
	})
}

// current are the releases that have a part, by what it is called.
func current(m module.Status) map[string]*module.ReleaseStatus {
	return map[string]*module.ReleaseStatus{"stable": m.Stable, "candidate": m.Candidate, "previous": m.Previous}
}

func showRunning(w io.Writer, m module.Status, colour bool) {
	t := table{indent: "  ", width: terminalWidth(w)}
	t.row("ROLE", "VERSION", "WEIGHT", "STATE", "PID", "AGE", "TRAFFIC", "DIGEST", "NOTE")
	for _, role := range roles(m) {
		t.row(releaseRow(role, current(m)[role])...)
	}
	if len(t.rows) > 1 {
		t.print(w, true, colour)
		fmt.Fprintln(w)
	}
}

// showPast lists the newest of the releases that have no part any more.
func showPast(w io.Writer, m module.Status, colour bool) {
	listed := map[module.Digest]bool{}
	for _, r := range current(m) {
		if r != nil {
			listed[r.Digest] = true
		}
	}
	t := table{indent: "  ", width: terminalWidth(w)}
	t.row("VERSION", "STATE", "AGE", "DIGEST", "NOTE")
	more := 0
	for _, r := range m.Releases {
		switch {
		case listed[r.Digest]:
		case len(t.rows) > maxPast:
			more++
		default:
			t.row(r.Version, string(r.State), age(r.Since), r.Digest.Short(), r.Reason)
		}
	}
	if len(t.rows) == 1 {
		return
	}
	fmt.Fprint(w, "\npast releases\n")
	t.print(w, true, colour)
	if more > 0 {
		fmt.Fprintf(w, "  and %d more: -o json lists all\n", more)
	}
}

func releaseRow(role string, r *module.ReleaseStatus) []string {
	pid, weight, seen := "", "", ""
	if r.PID != 0 {
		pid, weight, seen = strconv.Itoa(r.PID), r.Weight.String(), traffic(r.Requests, r.Errors)
	}
	since := r.Since
	if len(r.Members) > 0 {
		pid, since = running(r.Members)
	}
	note := r.Reason
	if r.Restarts > 0 {
		times := counted(uint64(r.Restarts), "restart")
		if r.Fell != nil && note == "" {
			note = times + because(", the last "+ago(r.Fell.At), r.Fell.Reason)
		} else {
			note = strings.TrimSuffix(times+"; "+note, "; ")
		}
	}
	return []string{role, r.Version, weight, string(r.State), pid, age(since), seen, r.Digest.Short(), note}
}
