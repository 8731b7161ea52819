package main

import (
	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/client"
)

func pauseCommand() *cobra.Command {
	var o api.Order
	cmd := rolloutCommand(&cobra.Command{
		Use:   "pause",
		Short: "Hold a running rollout where it is",
		Long: `Holds the rollout where it is: the candidate keeps the traffic that it has and gets
no more. It is still watched, and taken back where it turns out to be worse.`,
		Example: `  segue pause hello
  segue pause hello --reason "the database is being moved"`,
	}, verb{action: "pause", do: (*client.Client).Pause, says: always("the rollout stays where it is until it is resumed")}, &o)
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why, for others who look")
	return cmd
}
