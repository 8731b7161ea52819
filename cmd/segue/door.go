package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/module"
)

// doorCommand completes a command that opens or closes the door of one module. What the
// command's flags say stands in d.
func doorCommand(cmd *cobra.Command, d *api.DoorOrder, says func() string) *cobra.Command {
	return verbCommand(cmd, verb{
		action: cmd.Name(),
		do: func(c *client.Client, ctx context.Context, o api.Order) error {
			for _, name := range []string{"for", "retry-after"} {
				if flag := cmd.Flags().Lookup(name); flag != nil && flag.Changed && flag.Value.String() == "0s" {
					return &failure{exitUsage, module.Invalid, "--" + name + " is no time at all", "write a number and a unit, such as 30s, or leave it out"}
				}
			}
			d.Module = o.Module
			return c.SetDoor(ctx, *d)
		},
		says:    func(context.Context, *client.Client, api.Order) []string { return []string{says()} },
		already: func(err error) string { return openAlready(*d, err) },
	}, new(api.Order))
}

// openAlready says in words that a door that was to be opened is open; empty where err is
// of anything else.
func openAlready(d api.DoorOrder, err error) string {
	known, is := errors.AsType[*module.Error](err)
	if d.State != module.DoorOpen || !is || known.Kind != module.Conflict || known.Field != "door" {
		return ""
	}
	return known.Msg
}

// doorText says in a clause what keeps a module's requests out; empty where nothing does.
func doorText(m module.Status) string {
	d := m.Door
	if d == nil {
		return ""
	}
	text := "its requests are held"
	if d.State == module.DoorMaintenance {
		text = "in maintenance"
	}
	text = fmt.Sprintf("%s since %s by %s", text, age(d.Since), d.Actor)
	if !d.Until.IsZero() {
		text += fmt.Sprintf(", opens in %s", max(time.Until(d.Until), 0).Round(time.Second))
	}
	return text
}

// showDoor says what keeps a module's requests out, and what opens it.
func showDoor(w io.Writer, m module.Status) {
	text := doorText(m)
	if text == "" {
		return
	}
	fmt.Fprintf(w, "  %s\n", printable(text))
	if m.Door.Message != "" {
		fmt.Fprintf(w, "  clients are told: %s\n", printable(m.Door.Message))
	}
	fmt.Fprintf(w, "  `segue open %s` lets them in\n\n", printable(m.Name))
}
