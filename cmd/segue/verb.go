package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api/client"
)

// accepted is what a verb prints with -o json.
type accepted struct {
	Module  string `json:"module"`
	Action  string `json:"action"`
	Outcome string `json:"outcome"` // "accepted", or "unchanged" of a deploy; a refusal is an error
}

// verbCommand completes a command that changes one module: action is what the audit
// calls it, do asks for it, and says is what is printed then.
func verbCommand(cmd *cobra.Command, action string, do func(c *client.Client, ctx context.Context, name string) error, says string) *cobra.Command {
	cmd.Use += " NAME"
	cmd.Args = takes("NAME")
	cmd.RunE = withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if err := do(c, cmd.Context(), args[0]); err != nil {
			return err
		}
		if wantsJSON(cmd) {
			return printJSON(cmd, accepted{Module: args[0], Action: action, Outcome: "accepted"})
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", printable(args[0]), says)
		return err
	})
	stateFlag(cmd)
	outputFlag(cmd)
	return cmd
}
