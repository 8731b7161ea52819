package main

import (
	"cmp"
	"context"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/access"
	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/config"
)

// stateFlag gives a command --state.
func stateFlag(cmd *cobra.Command) {
	cmd.Flags().String("state", cmp.Or(os.Getenv(config.EnvName("state")), config.Default().StateDir),
		"state directory of the runtime to talk to (also "+config.EnvName("state")+")")
}

// connect gives a client of the runtime that --state names; the caller closes it.
func connect(cmd *cobra.Command) (*client.Client, error) {
	state, err := cmd.Flags().GetString("state")
	if err != nil {
		return nil, err
	}
	if state == "" {
		return nil, usagef(cmd, "--state is empty")
	}
	name, err := filepath.Abs(state)
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(state, "run", "admin.sock")
	return client.New(client.Config{
		Socket: socket, Name: name,
		Dial:   func(ctx context.Context) (net.Conn, error) { return access.Dial(ctx, socket) },
		OnLink: func(up bool) { tellLink(cmd, up) },
	})
}

// tellLink says that the runtime which a command follows went or came.
func tellLink(cmd *cobra.Command, up bool) {
	if up {
		cmd.PrintErrln("segue: it is back")
		return
	}
	cmd.PrintErrln("segue: the runtime is gone; waiting for it")
}

// withClient makes a command's action of one that needs a runtime.
func withClient(do func(cmd *cobra.Command, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := connect(cmd)
		if err != nil {
			return err
		}
		defer c.Close()
		return do(cmd, c, args)
	}
}
