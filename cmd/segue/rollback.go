package main

import (
	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api/client"
)

func rollbackCommand() *cobra.Command {
	return verbCommand(&cobra.Command{
		Use:     "rollback",
		Short:   "Go back to the previous release",
		Long:    "Gives all the traffic back to the release that served before. Data stays as it is.",
		Example: "  segue rollback hello",
	}, "rollback", (*client.Client).Rollback, "the previous release gets the traffic back")
}
