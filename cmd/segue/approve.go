package main

import (
	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/client"
)

func approveCommand() *cobra.Command {
	return rolloutCommand(&cobra.Command{
		Use:   "approve NAME [POINT]",
		Short: "Give the approval that a rollout waits for",
		Long: `Gives the approval that the rollout waits for; segue.yaml says at which points one is
asked for (rollout.approvals). In a freeze it lets the rollout through, to its end. With
POINT (before_start, before_traffic, each_step, or freeze) it approves that alone, and is
refused where the rollout waits for something else by now. The point evidence takes your
word where a step has seen its hold and still lacks proof; the record says so. To say no,
abort it.`,
		Example: `  segue approve hello
  segue approve hello before_traffic
  segue approve hello evidence`,
	}, verb{"approve", (*client.Client).Approve, always("it is approved and goes on")}, new(api.Order))
}
