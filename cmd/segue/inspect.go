package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/artifact"
	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/sdk/manifest"
)

func inspectCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what a file is, without running it or asking a runtime",
		Long: `Shows the digest and the manifest of a file, what it asks for, what of that the
configuration grants, and everything for which a runtime on this machine would refuse
it. Exits with 1 where there is such a thing. What was approved in a runtime is not
seen here: segue show NAME tells it.`,
		Example: `  segue inspect hello-1.1.0
  segue inspect hello-1.1.0 --config /etc/segue.yaml`,
		Args: takes("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := config.Load(config.Sources{File: file})
			if err != nil {
				return err
			}
			found, err := artifact.Inspect(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			seen := weigh(cfg, found)
			if wantsJSON(cmd) {
				err = printJSON(cmd, seen)
			} else {
				showInspection(cmd.OutOrStdout(), seen)
			}
			if err == nil && len(found.Problems) > 0 {
				return errTold
			}
			return err
		},
	}
	configFlag(cmd, &file)
	outputFlag(cmd)
	return cmd
}

// inspected is an inspection with what the configuration says to it, as JSON.
type inspected struct {
	*artifact.Inspection
	// Granted and Missing are what the manifest asks for. Quotas are those that the
	// module would have; none where it asks for too much.
	Granted  manifest.Permissions `json:"granted,omitzero"`
	Missing  manifest.Permissions `json:"missing,omitzero"`
	Quotas   manifest.Quotas      `json:"quotas,omitzero"`
	Problems []problem            `json:"problems"`
}

// weigh holds what a file asks for against cfg, and puts to the file's problems what
// cfg refuses of it.
func weigh(cfg config.Config, found *artifact.Inspection) inspected {
	seen := inspected{Inspection: found}
	if m := found.Manifest; m != nil {
		granted := cfg.Grants(m.Name)
		seen.Granted, seen.Missing = grant.Common(m.Permissions, granted), grant.Missing(m.Permissions, granted)
		quotas, err := cfg.QuotasFor(m.Name, m.Quotas)
		switch joined, many := err.(interface{ Unwrap() []error }); {
		case err == nil:
			seen.Quotas = quotas
		case many:
			found.Problems = append(found.Problems, joined.Unwrap()...)
		default:
			found.Problems = append(found.Problems, err)
		}
		if err := sandbox.CheckPaths(m.Permissions, cfg.Protected()...); err != nil {
			found.Problems = append(found.Problems, err)
		}
	}
	seen.Problems = problemsOf(found)
	return seen
}

func problemsOf(found *artifact.Inspection) []problem {
	all := make([]problem, len(found.Problems))
	for i, err := range found.Problems {
		all[i] = problemOf(err)
	}
	return all
}

func showInspection(w io.Writer, found inspected) {
	var t table
	t.row("file", found.Path)
	t.row("is", found.Executable.Detail)
	t.row("size", strconv.FormatInt(found.Size, 10)+" bytes")
	t.row("digest", string(found.Digest))
	if m := found.Manifest; m != nil {
		t.row("module", m.Name+"@"+m.Version)
		t.optional("about", m.Description)
		for _, route := range m.Routes {
			t.row("route", routeText(route))
		}
		if m.Replicas > 1 {
			t.row("replicas", strconv.Itoa(m.Replicas))
		}
		for _, field := range module.RolloutFields {
			if text, ok := module.RolloutText(m.Rollout)[field]; ok {
				t.row("rollout", field+" "+text)
			}
		}
		for _, line := range slices.Concat(grant.Lines(m.Permissions), quotaLines(m.Quotas)) {
			t.row("asks", line)
		}
		for _, line := range grant.Lines(found.Granted) {
			t.row("granted", line)
		}
		for _, line := range grant.Lines(found.Missing) {
			t.row("missing", line)
		}
		for _, line := range quotaLines(found.Quotas) {
			t.row("quota", line)
		}
		t.row("manifest", found.Source)
	}
	t.print(w, false, false)
	if len(found.Problems) == 0 {
		fmt.Fprintln(w, "a runtime on this machine would take it")
		if len(grant.Lines(found.Missing)) > 0 {
			fmt.Fprintf(w, "it would wait for what is missing: grant it in segue.yaml, or `segue approve %s grant`\n", found.Manifest.Name)
		}
		return
	}
	fmt.Fprintln(w, "a runtime on this machine would refuse it:")
	for _, err := range found.Inspection.Problems {
		fmt.Fprintf(w, "  - %s\n", printable(err.Error()))
	}
}

// routeText is a route with what it asks to hold for it: "GET /a: strip, answer 30s".
func routeText(r manifest.Route) string {
	asked := module.RouteStatus{Strip: r.Strip, Timeouts: map[string]string{}, MaxBody: r.MaxBody, Limits: r.Limits}
	for name, d := range map[string]manifest.Duration{"connect": r.Timeouts.Connect, "answer": r.Timeouts.Answer, "idle": r.Timeouts.Idle, "total": r.Timeouts.Total} {
		if d != 0 {
			asked.Timeouts[name] = d.String()
		}
	}
	return because(r.String(), routeNote(asked))
}

// quotaLines are the quotas that are set, for people: "memory 64MiB".
func quotaLines(q manifest.Quotas) []string {
	var lines []string
	for _, field := range manifest.QuotaFields() {
		if text := q.Text(field); text != "" {
			lines = append(lines, field+" "+text)
		}
	}
	return lines
}
