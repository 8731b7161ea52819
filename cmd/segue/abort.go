package main

import (
	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api/client"
)

func abortCommand() *cobra.Command {
	return verbCommand(&cobra.Command{
		Use:     "abort",
		Short:   "Take the candidate of a running rollout back",
		Long:    "Takes the candidate out of traffic. What was stable goes on serving.",
		Example: "  segue abort hello",
	}, "abort", (*client.Client).Abort, "the candidate is taken back")
}
