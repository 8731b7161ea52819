package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/module"
)

// maxRollouts is the most that a runtime gives of one module.
const maxRollouts = 1000

func historyCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "history NAME [ID]",
		Short: "Show the rollouts of a module, or one of them in full",
		Long: `Lists the rollouts of a module, newest first: the one under way and those that are
kept (segue.yaml says how many). With an ID it shows one of them in full.

REQUESTS and OK are what the candidate was asked in its last step, and how much of
that it answered without an error and in time.`,
		Example: `  segue history hello
  segue history hello hello-2
  segue history hello -o json | jq '.[0].evidence'`,
		Args: takes("NAME", "[ID]"),
		RunE: withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if limit < 1 || limit > maxRollouts {
				return usagef(cmd, "--limit %d is not from 1 to %d", limit, maxRollouts)
			}
			if len(args) == 2 {
				return showOne(cmd, c, args[0], args[1])
			}
			all, err := c.Rollouts(cmd.Context(), args[0], limit)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, all)
			}
			if len(all) == 0 {
				cmd.PrintErrln("no rollout of it is kept")
				return nil
			}
			listRollouts(cmd.OutOrStdout(), all)
			return nil
		}),
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "the newest so many")
	stateFlag(cmd)
	outputFlag(cmd)
	return cmd
}

func listRollouts(w io.Writer, all []module.RolloutStatus) {
	t := table{width: terminalWidth(w)}
	t.row("ID", "STARTED", "RELEASE", "STRATEGY", "PHASE", "VERDICT", "TOOK", "REQUESTS", "OK", "REASON")
	for _, r := range all {
		reason := r.Reason
		if !r.Over() {
			reason = where(&r)
		}
		t.row(r.ID, clock(r.Started), cmp.Or(r.From, "nothing")+" → "+r.To, string(r.Strategy), r.Phase, string(r.Verdict), took(&r),
			strconv.FormatUint(r.CandidateSample.Requests, 10), successRate(r.CandidateSample), reason)
	}
	t.print(w, true, wantsColour(w))
}

// successRate is the share of requests that were answered without an error and in
// time, "99.5%"; empty without any. One that was neither counts twice.
func successRate(s module.Sample) string {
	if s.Requests == 0 {
		return ""
	}
	// Rounded down: one failure is never 100%.
	points := (s.Requests - min(s.Errors+s.Slow, s.Requests)) * 10_000 / s.Requests
	return strconv.FormatFloat(float64(points)/100, 'f', -1, 64) + "%"
}

// showOne shows one rollout with its phases.
func showOne(cmd *cobra.Command, c *client.Client, name, id string) error {
	r, err := c.Rollout(cmd.Context(), name, id)
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, r)
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "rollout %s of %s  %sto %s, %s\n", printable(r.ID), printable(name), printable(fromOf(&r)), printable(r.To), printable(way(&r)))
	t := table{indent: "  "}
	rolloutRows(&t, &r)
	t.row("digest", string(r.Digest))
	label := "steps"
	for _, step := range r.Samples {
		t.row(label, step.Weight.String()+": candidate "+sampled(step.Candidate)+"; stable "+sampled(step.Stable))
		label = ""
	}
	label = "phases"
	for _, phase := range r.Phases {
		if phase.Name == "save" { // one a decision; -o json has them
			continue
		}
		t.row(label, phase.Name+" "+(time.Duration(phase.Micros)*time.Microsecond).String())
		label = ""
	}
	t.print(w, false, wantsColour(w))
	return nil
}
