package main

import (
	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/module"
)

func openCommand() *cobra.Command {
	d := api.DoorOrder{State: module.DoorOpen}
	return doorCommand(&cobra.Command{
		Use:     "open",
		Short:   "Let a module's requests in again",
		Long:    "Ends a hold, or a maintenance. Requests that wait come in as they came.",
		Example: "  segue open hello",
	}, &d, func() string { return "its requests come in again" })
}
