package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/client"
)

// accepted is what a verb prints with -o json.
type accepted struct {
	Module  string `json:"module"`
	Action  string `json:"action"`
	Outcome string `json:"outcome"` // "accepted", or "unchanged" of a deploy and an open; a refusal is an error
}

// verb is a change that one command asks for.
type verb struct {
	action string // what the audit calls it
	do     func(c *client.Client, ctx context.Context, o api.Order) error
	// says are the lines that are printed when it is under way.
	says func(ctx context.Context, c *client.Client, o api.Order) []string
	// already, if not nil, says of a refusal that what is asked for is so already, in words;
	// empty where it is not.
	already func(err error) string
}

// verbCommand completes a command that changes one module. What the command's flags
// say stands in o. It takes NAME, unless its Use names what it takes; a second one is
// a point.
func verbCommand(cmd *cobra.Command, v verb, o *api.Order) *cobra.Command {
	names := []string{"NAME"}
	if _, own, ok := strings.Cut(cmd.Use, " "); ok {
		names = strings.Fields(own)
	} else {
		cmd.Use += " NAME"
	}
	cmd.Args = takes(names...)
	cmd.RunE = withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if flag := cmd.Flags().Lookup("rollout"); flag != nil && flag.Changed && o.Rollout == "" {
			return usagef(cmd, "--rollout is empty")
		}
		o.Module = args[0]
		if len(args) > 1 {
			o.Point = args[1]
		}
		if err := v.do(c, cmd.Context(), *o); err != nil {
			return v.unless(cmd, o.Module, err)
		}
		if wantsJSON(cmd) {
			return printJSON(cmd, accepted{Module: o.Module, Action: v.action, Outcome: "accepted"})
		}
		lines := v.says(cmd.Context(), c, *o)
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", printable(o.Module), printable(lines[0]))
		for _, line := range lines[1:] {
			if err == nil {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "  %s\n", printable(line))
			}
		}
		return err
	})
	stateFlag(cmd)
	outputFlag(cmd)
	return cmd
}

// unless is err, unless it says that nothing had to be done: then it prints that.
func (v verb) unless(cmd *cobra.Command, name string, err error) error {
	if v.already == nil || v.already(err) == "" {
		return err
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, accepted{Module: name, Action: v.action, Outcome: "unchanged"})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", printable(name), printable(v.already(err)))
	return err
}

// rolloutCommand is verbCommand for what changes a rollout that is under way.
func rolloutCommand(cmd *cobra.Command, v verb, o *api.Order) *cobra.Command {
	cmd.Flags().StringVar(&o.Rollout, "rollout", "", "only if the one with this `ID` (see segue show) is under way")
	return verbCommand(cmd, v, o)
}

// always says the same of every order.
func always(text string) func(context.Context, *client.Client, api.Order) []string {
	return func(context.Context, *client.Client, api.Order) []string { return []string{text} }
}
