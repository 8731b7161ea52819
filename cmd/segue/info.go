package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api/client"
)

func infoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "info",
		Short:   "Show which runtime answers, and where it serves",
		Example: "  segue info",
		Args:    takes(),
		RunE: withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			info, err := c.Info(cmd.Context())
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, info)
			}
			var t table
			t.row("version", info.Version)
			t.row("running", age(info.Started)+", pid "+strconv.Itoa(info.PID))
			t.row("traffic", info.ListenAddr)
			if info.TLSAddr != "" {
				t.row("with TLS", info.TLSAddr)
			}
			t.row("admin", info.AdminAddr)
			t.row("modules", info.ModulesDir)
			t.row("state", info.StateDir)
			t.row("sandbox", string(info.Sandbox))
			t.print(cmd.OutOrStdout(), false, false)
			return nil
		}),
	}
	stateFlag(cmd)
	outputFlag(cmd)
	return cmd
}
