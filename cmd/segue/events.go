package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/module"
)

func eventsCommand() *cobra.Command {
	var filter module.EventFilter
	var follow bool
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what happened, and follow what happens",
		Example: `  segue events
  segue events -f --module hello
  segue events -f -o json | jq .message`,
		Args: takes(),
		RunE: withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			if err := checkLimit(cmd, filter.Limit); err != nil {
				return err
			}
			if !follow {
				events, err := c.Events(cmd.Context(), filter)
				for _, event := range events {
					if err := printEvent(cmd, event); err != nil {
						return err
					}
				}
				return err
			}
			for event, err := range c.Follow(cmd.Context(), filter) {
				if err != nil {
					return err
				}
				if err := printEvent(cmd, event); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what happens, until interrupted")
	cmd.Flags().StringVar(&filter.Module, "module", "", "only events of this module")
	cmd.Flags().Uint64Var(&filter.After, "after", 0, "only events after the one with this number")
	limitFlag(cmd, &filter.Limit, "the newest so many of the history")
	stateFlag(cmd)
	outputFlag(cmd)
	return cmd
}

// printEvent prints an event on one line.
func printEvent(cmd *cobra.Command, event module.Event) error {
	if wantsJSON(cmd) {
		return printJSONLine(cmd, event)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s  %-20s  %s\n", clock(event.Time), printable(string(event.Type)), printable(eventText(event)))
	return err
}

// eventText is the message, with the reason where it leaves that out.
func eventText(event module.Event) string {
	if event.Reason == "" || strings.Contains(event.Message, event.Reason) {
		return event.Message
	}
	return event.Message + ": " + event.Reason
}
