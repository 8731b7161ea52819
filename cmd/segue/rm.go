package main

import (
	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/client"
)

func rmCommand() *cobra.Command {
	return verbCommand(&cobra.Command{
		Use:     "rm",
		Short:   "Take a module out of traffic and stop it",
		Long:    "Drains the module and stops it. Its files in the modules directory stay where they are.",
		Example: "  segue rm hello",
	}, verb{action: "remove", do: (*client.Client).Remove, says: always("it gets no more traffic and is stopped")}, new(api.Order))
}
