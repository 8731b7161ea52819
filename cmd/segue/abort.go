package main

import (
	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/client"
)

func abortCommand() *cobra.Command {
	return rolloutCommand(&cobra.Command{
		Use:   "abort",
		Short: "Take the candidate of a running rollout back",
		Long: `Takes the candidate out of traffic. What was stable goes on serving. The candidate's
bytes go to quarantine: they are not tried again until they change, or until
` + "`segue deploy --force FILE`" + `.`,
		Example: "  segue abort hello",
	}, verb{action: "abort", do: (*client.Client).Abort, says: always("the candidate is taken back")}, new(api.Order))
}
