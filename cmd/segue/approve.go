package main

import (
	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/client"
)

func approveCommand() *cobra.Command {
	return rolloutCommand(&cobra.Command{
		Use:   "approve",
		Short: "Give the approval that a rollout waits for",
		Long: `Gives the approval that the rollout waits for; segue.yaml says at which points one is
asked for (rollout.approvals). To say no, abort it.`,
		Example: "  segue approve hello",
	}, verb{"approve", (*client.Client).Approve, always("it is approved and goes on")}, new(api.Order))
}
