package main

import (
	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api/client"
)

func promoteCommand() *cobra.Command {
	return verbCommand(&cobra.Command{
		Use:     "promote",
		Short:   "Finish a running rollout now",
		Long:    "Gives the candidate all the traffic at once, without the steps and verdicts that are left.",
		Example: "  segue promote hello",
	}, "promote", (*client.Client).Promote, "the candidate gets all the traffic now")
}
