package main

import (
	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/client"
)

func resumeCommand() *cobra.Command {
	return rolloutCommand(&cobra.Command{
		Use:     "resume",
		Short:   "Let a paused rollout go on",
		Example: "  segue resume hello",
	}, verb{action: "resume", do: (*client.Client).Resume, says: always("the rollout goes on")}, new(api.Order))
}
