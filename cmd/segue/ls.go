package main

import (
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
			var t table
			t.row("MODULE", "STATE", "STABLE", "CANDIDATE", "AGE", "NOTE")
			for _, m := range all {
				t.row(m.Name, string(m.State), share(m.Stable), share(m.Candidate), age(sinceOf(m)), note(m))
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
	switch r := m.Rollout; {
	case r != nil && (!r.Over() || !succeeded(r)):
		return r.To + ": " + outcome(r)
	case m.Stable != nil:
		return m.Stable.Reason
	}
	return ""
}
