package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/module"
)

func lsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the modules",
		Example: `  segue ls
  segue ls -o json`,
		Args: takes(),
		RunE: withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			all, err := c.Modules(cmd.Context())
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, all)
			}
			if len(all) == 0 {
				cmd.PrintErrln("no modules yet; drop an executable into the modules directory, or use `segue deploy`")
				return nil
			}
			t := table{width: terminalWidth(cmd.OutOrStdout())}
			t.row("MODULE", "STATE", "STABLE", "CANDIDATE", "AGE", "ROUTES", "NOTE")
			for _, m := range all {
				t.row(m.Name, string(m.State), share(m.Stable), share(m.Candidate), age(sinceOf(m)), routes(m, 2), note(m))
			}
			t.print(cmd.OutOrStdout(), true, wantsColour(cmd.OutOrStdout()))
			return nil
		}),
	}
	stateFlag(cmd)
	outputFlag(cmd)
	return cmd
}

// sinceOf is since when what serves runs.
func sinceOf(m module.Status) time.Time {
	if m.Stable == nil {
		return time.Time{}
	}
	return m.Stable.Since
}

// note says what is worth knowing beyond the state.
func note(m module.Status) string {
	var notes []string
	if text := doorText(m); text != "" {
		notes = append(notes, text)
	}
	if text := trouble(m.Stable); text != "" {
		notes = append(notes, m.Stable.Version+" "+text)
	}
	for _, r := range []*module.ReleaseStatus{m.Stable, m.Candidate} {
		if text := denied(r); text != "" {
			notes = append(notes, text)
		}
	}
	if r := m.Rollout; r != nil && (!r.Over() || !succeeded(r)) {
		text := where(r)
		if w := r.Waiting; w != nil && w.For == module.ForGrant && !r.Over() { // show has all of it
			text = "waits (" + w.For + "): `segue show " + m.Name + "`"
		}
		notes = append(notes, r.To+": "+text)
	}
	if m.Queued != nil {
		notes = append(notes, m.Queued.Version+" comes after it")
	}
	return strings.Join(notes, "; ")
}

// routes are the first so many of a module's routes, and how many more there are.
func routes(m module.Status, limit int) string {
	texts := make([]string, len(m.Routes))
	for i, route := range m.Routes {
		texts[i] = route.String()
	}
	if more := len(texts) - limit; more > 0 {
		texts = append(texts[:limit], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, ", ")
}
