package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/client"
)

func rollbackCommand() *cobra.Command {
	var o api.Order
	cmd := verbCommand(&cobra.Command{
		Use:   "rollback",
		Short: "Go back to the previous release",
		Long: `Gives all the traffic back to the release that served before, at once, or with
--stepped as a rollout gave it: step by step, and judged. While a rollout runs it is abort: the candidate is taken
back, and what was stable serves on.

What is left behind goes to quarantine: its bytes are not tried again until they
change, or until ` + "`segue deploy --force FILE`" + `. Data stays as it is.`,
		Example: `  segue rollback hello
  segue rollback hello --stepped`,
	}, verb{action: "rollback", do: (*client.Client).Rollback, says: func(_ context.Context, _ *client.Client, o api.Order) []string {
		if o.Stepped {
			return []string{"the previous release gets the traffic back, step by step"}
		}
		return []string{"the previous release gets the traffic back"}
	}}, &o)
	cmd.Flags().BoolVar(&o.Stepped, "stepped", false, "step by step, and judged, instead of at once")
	return cmd
}
