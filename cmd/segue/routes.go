package main

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

func routesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "routes",
		Short: "List the routes that are served",
		Long: `Lists which requests go to which module. Of several routes that take a request, the
exact host goes before a wildcard and a wildcard before any host; then the longer path
goes before the shorter one, then more conditions on headers before fewer, and then a
route for some methods before one for all.`,
		Example: `  segue routes
  segue routes -o json`,
		Args: takes(),
		RunE: withClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			all, err := c.Routes(cmd.Context())
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, all)
			}
			if len(all) == 0 {
				cmd.PrintErrln("no routes yet; `segue ls` says where modules stand")
				return nil
			}
			t := table{width: terminalWidth(cmd.OutOrStdout())}
			t.row("HOST", "PATH", "METHODS", "HEADERS", "MODULE", "NOTE")
			for _, r := range all {
				t.row(cmp.Or(r.Host, "any"), r.Path, strings.Join(r.Methods, ","), conditions(r.Headers), r.Module, routeNote(r))
			}
			t.print(cmd.OutOrStdout(), true, wantsColour(cmd.OutOrStdout()))
			return nil
		}),
	}
	stateFlag(cmd)
	outputFlag(cmd)
	return cmd
}

// conditions are what a request's headers must be.
func conditions(headers map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if value := headers[name]; value != manifest.AnyValue {
			name += ": " + value
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}

// routeNote says what holds for a route beside what holds in general.
func routeNote(r module.RouteStatus) string {
	var notes []string
	if r.Preview {
		notes = append(notes, "preview")
	}
	if r.Strip {
		notes = append(notes, "strip")
	}
	if l := r.Limits; l.Rate != (manifest.Rate{}) {
		notes = append(notes, "at most "+l.Rate.String())
	}
	if l := r.Limits; l.Burst > 0 {
		notes = append(notes, counted(uint64(l.Burst), "request")+" at once")
	}
	if l := r.Limits; l.Concurrent > 0 {
		notes = append(notes, counted(uint64(l.Concurrent), "request")+" at a time")
	}
	if r.MaxBody > 0 {
		notes = append(notes, "bodies up to "+r.MaxBody.String())
	}
	for _, name := range slices.Sorted(maps.Keys(r.Timeouts)) {
		notes = append(notes, name+" "+r.Timeouts[name])
	}
	return strings.Join(notes, ", ")
}
