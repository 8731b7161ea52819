package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/module"
)

func holdCommand() *cobra.Command {
	d := api.DoorOrder{State: module.DoorHeld}
	cmd := doorCommand(&cobra.Command{
		Use:   "hold",
		Short: "Have a module's requests wait for a moment",
		Long: `Requests that come wait until the module is opened again, or opens by itself; those
that are under way go on. Nobody waits for longer than a minute, and no more than 1000
at a time: the others are answered 503 and told when to try again. It is made for what
is done in seconds, such as the restart of a database; for longer see maintenance.`,
		Example: `  segue hold hello
  segue hold hello --for 10s && ./move-the-database && segue open hello`,
	}, &d, func() string {
		return fmt.Sprintf("its requests wait; it opens by itself in %s", d.For)
	})
	cmd.Flags().DurationVar(&d.For, "for", 30*time.Second, "when it opens by itself, 1s to 10m")
	return cmd
}
