package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/module"
)

func showCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a module, its releases and its rollout",
		Example: `  segue show hello
  segue show hello -o json | jq .stable.version`,
		Args: takes("NAME"),
		RunE: withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
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
	stateFlag(cmd)
	outputFlag(cmd)
	return cmd
}

func showModule(w io.Writer, m module.Status) {
	colour := wantsColour(w)
	routes := make([]string, len(m.Routes))
	for i, route := range m.Routes {
		routes[i] = route.String()
	}
	fmt.Fprintf(w, "%s  %s", printable(m.Name), paint(string(m.State), colour))
	if len(routes) > 0 {
		fmt.Fprintf(w, "  %s", printable(strings.Join(routes, ", ")))
	}
	fmt.Fprint(w, "\n\n")
	showReleases(w, m, colour)
	if m.Rollout != nil {
		showRollout(w, m.Rollout, colour)
	}
}

// showReleases lists what runs, and what is known beside it.
func showReleases(w io.Writer, m module.Status, colour bool) {
	t := table{indent: "  "}
	t.row("ROLE", "VERSION", "WEIGHT", "STATE", "PID", "AGE", "TRAFFIC", "DIGEST", "NOTE")
	listed := map[module.Digest]bool{}
	for _, r := range []struct {
		role    string
		release *module.ReleaseStatus
	}{{"stable", m.Stable}, {"candidate", m.Candidate}, {"previous", m.Previous}} {
		if r.release != nil {
			listed[r.release.Digest] = true
			t.row(releaseRow(r.role, r.release)...)
		}
	}
	for i := range m.Releases {
		if r := &m.Releases[i]; !listed[r.Digest] {
			t.row(releaseRow("", r)...)
		}
	}
	if len(t.rows) > 1 {
		t.print(w, true, colour)
		fmt.Fprintln(w)
	}
}

func releaseRow(role string, r *module.ReleaseStatus) []string {
	pid, weight, seen := "", "", ""
	if r.PID != 0 {
		pid, weight, seen = strconv.Itoa(r.PID), r.Weight.String(), traffic(r.Requests, r.Errors)
	}
	note := r.Reason
	if r.Restarts > 0 {
		note = strings.TrimSuffix(counted(uint64(r.Restarts), "restart")+"; "+note, "; ")
	}
	return []string{role, r.Version, weight, string(r.State), pid, age(r.Since), seen, r.Digest.Short(), note}
}

func showRollout(w io.Writer, r *module.RolloutStatus, colour bool) {
	title := "rollout"
	if r.Over() {
		title = "last rollout"
	}
	from := r.From
	if from == "" {
		from = "nothing"
	}
	fmt.Fprintf(w, "%s  from %s to %s, %s\n", title, printable(from), printable(r.To), printable(way(r)))
	t := table{indent: "  "}
	t.row("phase", r.Phase)
	t.row("", outcome(r))
	t.row("verdict", string(r.Verdict))
	t.row("seen", fmt.Sprintf("candidate %s; stable %s", traffic(r.CandidateSample.Requests, r.CandidateSample.Errors),
		traffic(r.StableSample.Requests, r.StableSample.Errors)))
	began := age(r.Started) + " ago by " + r.Actor
	if r.Over() {
		began += ", took " + r.Ended.Sub(r.Started).Round(1e6).String()
	}
	t.row("began", began)
	t.print(w, false, colour)
}
