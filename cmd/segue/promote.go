package main

import (
	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/client"
)

func promoteCommand() *cobra.Command {
	return rolloutCommand(&cobra.Command{
		Use:   "promote",
		Short: "Finish a running rollout now",
		Long:  "Gives the candidate all the traffic at once, without the steps and verdicts that are left.",
		Example: `  segue promote hello
  segue promote hello --rollout hello-2    only if no other rollout has begun since`,
	}, verb{action: "promote", do: (*client.Client).Promote, says: always("the candidate gets all the traffic now")}, new(api.Order))
}
