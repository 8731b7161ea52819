package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/module"
)

func maintenanceCommand() *cobra.Command {
	d := api.DoorOrder{State: module.DoorMaintenance}
	cmd := doorCommand(&cobra.Command{
		Use:   "maintenance",
		Short: "Close a module for maintenance",
		Long: `Requests that come are answered 503, with a page that has the message; those that are
under way go on, and the module runs on. Whoever asks for the preview of a candidate is
let in. It stays so, over a restart of the runtime and over new releases, until the
module is opened again, or for as long as --for says.`,
		Example: `  segue maintenance hello
  segue maintenance hello --message "Back at noon." --retry-after 15m
  segue maintenance hello --for 30m`,
	}, &d, func() string {
		if d.For > 0 {
			return fmt.Sprintf("its requests are refused; it opens by itself in %s", d.For)
		}
		return "its requests are refused until it is opened"
	})
	cmd.Flags().StringVar(&d.Message, "message", "", "what clients are told, in a line")
	cmd.Flags().DurationVar(&d.RetryAfter, "retry-after", 0, "when clients are told to try again (default what is left of --for, or 1m)")
	cmd.Flags().DurationVar(&d.For, "for", 0, "when it opens by itself, 1s to 720h (default never)")
	return cmd
}
