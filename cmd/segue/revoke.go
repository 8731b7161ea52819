package main

import (
	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/client"
)

func revokeCommand() *cobra.Command {
	return verbCommand(&cobra.Command{
		Use:   "revoke",
		Short: "Take back the permissions that were approved for a module",
		Long: `Takes back all the permissions that operators have approved for the module with
` + "`segue approve NAME grant`" + `. A process that runs keeps them until it is started again; the
next release that asks for them waits to be decided on. What segue.yaml grants
(modules.NAME.grants) is taken back there.`,
		Example: "  segue revoke hello",
	}, verb{action: "revoke", do: (*client.Client).Revoke, says: always("what was approved for it is taken back; processes that run keep it until they are started again")}, new(api.Order))
}
