package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api/client"
)

func auditCommand() *cobra.Command {
	var name string
	var limit int
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show who changed what, and who was refused",
		Example: `  segue audit
  segue audit --module hello
  segue audit --limit 1000 -o json`,
		Args: takes(),
		RunE: withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			if err := checkLimit(cmd, limit); err != nil {
				return err
			}
			records, err := c.Audit(cmd.Context(), name, limit)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, records)
			}
			var t table
			t.row("TIME", "ACTOR", "ACTION", "TARGET", "OUTCOME", "REASON")
			for _, r := range records {
				t.row(clock(r.Time), r.Actor.String(), r.Action, cmp.Or(r.Target, "-"), r.Outcome, r.Reason)
			}
			t.print(cmd.OutOrStdout(), true, wantsColour(cmd.OutOrStdout()))
			return nil
		}),
	}
	cmd.Flags().StringVar(&name, "module", "", "only records of this module and its releases")
	limitFlag(cmd, &limit, "the newest so many")
	stateFlag(cmd)
	outputFlag(cmd)
	return cmd
}
