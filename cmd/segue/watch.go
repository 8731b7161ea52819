package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/module"
)

// clearScreen moves to the top left and empties the screen.
const clearScreen = "\x1b[H\x1b[2J"

// watchModule shows a module each second on a terminal, and elsewhere with each
// change, until it is interrupted. A runtime that goes away is waited for.
func watchModule(cmd *cobra.Command, c *client.Client, name string) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	redraw := terminalWidth(out) > 0 && !wantsJSON(cmd)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	up, last := true, ""
	for first := true; ; first = false {
		m, err := c.Module(ctx, name)
		gone := module.KindOf(err) == module.Unavailable
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && (first || !gone):
			return err
		}
		if gone == up {
			up = !gone
			tellLink(cmd, up)
		}
		if now := outline(m); !gone && (redraw || now != last) {
			if err := printAgain(cmd, m, redraw, first); err != nil {
				return err
			}
			last = now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func printAgain(cmd *cobra.Command, m module.Status, redraw, first bool) error {
	if wantsJSON(cmd) {
		return printJSONLine(cmd, m)
	}
	out := cmd.OutOrStdout()
	switch {
	case redraw:
		fmt.Fprint(out, clearScreen)
	case !first:
		fmt.Fprintln(out)
	}
	showModule(out, m)
	return nil
}

// outline is all of a status that is a change where it differs: everything but what
// is counted and measured.
func outline(m module.Status) string {
	for _, r := range []**module.ReleaseStatus{&m.Stable, &m.Candidate, &m.Previous} {
		if *r != nil {
			still := **r
			still.Requests, still.Errors = 0, 0
			still.Members = slices.Clone(still.Members)
			for i := range still.Members {
				still.Members[i].Usage = module.Usage{}
			}
			still.Denials = slices.Clone(still.Denials)
			for i := range still.Denials {
				still.Denials[i].Count, still.Denials[i].Last = 0, time.Time{}
			}
			*r = &still
		}
	}
	if m.Rollout != nil {
		still := *m.Rollout
		still.StableSample, still.CandidateSample = module.Sample{}, module.Sample{}
		still.Evidence.Errors, still.Evidence.Slow, still.Rescued, still.Usage = 0, 0, 0, module.Usage{}
		still.Mirror, still.Rehearsal = nil, nil
		m.Rollout = &still
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err.Error() // a status is plain values
	}
	return string(text)
}
