package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/artifact"
	"github.com/segue-run/segue/runtime/module"
)

func inspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what a file is, without running it or asking a runtime",
		Long: `Shows the digest and the manifest of a file, and everything for which a runtime on
this machine would refuse it. Exits with 1 where there is such a thing.`,
		Example: "  segue inspect hello-1.1.0",
		Args:    takes("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := artifact.Inspect(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				err = printJSON(cmd, inspected{Inspection: found, Problems: problemsOf(found)})
			} else {
				showInspection(cmd.OutOrStdout(), found)
			}
			if err == nil && len(found.Problems) > 0 {
				return errTold
			}
			return err
		},
	}
	outputFlag(cmd)
	return cmd
}

// inspected is an inspection as JSON.
type inspected struct {
	*artifact.Inspection
	Problems []problem `json:"problems"`
}

func problemsOf(found *artifact.Inspection) []problem {
	all := make([]problem, len(found.Problems))
	for i, err := range found.Problems {
		all[i] = problemOf(err)
	}
	return all
}

func showInspection(w io.Writer, found *artifact.Inspection) {
	var t table
	t.row("file", found.Path)
	t.row("is", found.Executable.Detail)
	t.row("size", strconv.FormatInt(found.Size, 10)+" bytes")
	t.row("digest", string(found.Digest))
	if m := found.Manifest; m != nil {
		t.row("module", m.Name+"@"+m.Version)
		t.row("about", m.Description)
		for _, route := range m.Routes {
			t.row("route", route.String())
		}
		for _, field := range module.RolloutFields {
			if text, ok := module.RolloutText(m.Rollout)[field]; ok {
				t.row("rollout", field+" "+text)
			}
		}
		t.row("manifest", found.Source)
	}
	t.print(w, false, false)
	if len(found.Problems) == 0 {
		fmt.Fprintln(w, "a runtime on this machine would take it")
		return
	}
	fmt.Fprintln(w, "a runtime on this machine would refuse it:")
	for _, err := range found.Problems {
		fmt.Fprintf(w, "  - %s\n", printable(err.Error()))
	}
}
