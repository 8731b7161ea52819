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
abort it.

A release that asks for permissions which neither segue.yaml grants nor an operator has
approved, and which its predecessor did not ask for, waits before it is started. The
point grant gives the module all that the release asks for, until segue revoke; the
point without lets it go on with what is granted. Neither is given without its name.`,
		Example: `  segue approve hello
  segue approve hello before_traffic
  segue approve hello evidence
  segue approve hello grant`,
	}, verb{"approve", (*client.Client).Approve, approves}, new(api.Order))
}

// approves says what an approval has done.
func approves(o api.Order) string {
	switch o.Point {
	case "grant":
		return "it gets what it asks for and goes on; `segue revoke " + o.Module + "` takes that back"
	case "without":
		return "it goes on with the permissions that it has"
	}
	return "it is approved and goes on"
}
