package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
)

func doctorCommand() *cobra.Command {
	var file, require, state string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Show what would hold a module in on this machine, without a runtime",
		Long: `Tries each layer of the sandbox as the user who calls it, from where it is called, and
says what it means and what would make it whole. It changes nothing. Call it as the
runtime is started: another user, a container or a service has other layers.

Exits with 1 where the level is below sandbox.require of segue.yaml, or --require.`,
		Example: `  segue doctor
  sudo segue doctor --state /var/lib/segue --require contained`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := doctored(cmd, file, require, state)
			if err != nil {
				return err
			}
			found, err := diagnose(cmd, cfg)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				err = printJSON(cmd, found)
			} else {
				showDiagnosis(cmd.OutOrStdout(), found)
			}
			if err == nil && !found.Reached {
				return errTold
			}
			return err
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&require, "require", "", "level that must be reached: "+words(module.Levels)+" (default sandbox.require)")
	cmd.Flags().StringVar(&state, "state", "", "state directory that the runtime would have (default state_dir)")
	outputFlag(cmd)
	return cmd
}

// doctored is the configuration that the runtime would have, with what the flags say.
func doctored(cmd *cobra.Command, file, require, state string) (config.Config, error) {
	from := config.Sources{File: file, Flags: map[string]string{}}
	if state != "" {
		from.Flags["state"] = state
	}
	cfg, err := config.Load(from)
	if err != nil || require == "" {
		return cfg, err
	}
	if !slices.Contains(module.Levels, module.Level(require)) {
		return cfg, usagef(cmd, "--require %q is none of %s", require, words(module.Levels))
	}
	cfg.Sandbox.Require = module.Level(require)
	return cfg, nil
}

// diagnosis is what a machine gives, as JSON.
type diagnosis struct {
	Level   module.Level   `json:"level"`
	Require module.Level   `json:"require"`
	Reached bool           `json:"reached"`
	Accepts []module.Level `json:"accepts"` // what sandbox.require may be here
	Layers  []module.Layer `json:"layers"`
}

func diagnose(cmd *cobra.Command, cfg config.Config) (d diagnosis, err error) {
	m, err := sandbox.Probe(cmd.Context(), sandbox.Config{
		Name: "doctor-" + strconv.Itoa(os.Getpid()), DataDir: filepath.Join(cfg.StateDir, "data"), Look: true,
		FirstUID: cfg.Sandbox.UIDs.First, LastUID: cfg.Sandbox.UIDs.Last, Without: cfg.Sandbox.Without,
	})
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	least := cfg.Sandbox.Require
	d = diagnosis{Level: m.Level(), Require: least, Reached: m.Level().Reaches(least), Layers: m.Layers()}
	for _, level := range module.Levels {
		if m.Level().Reaches(level) {
			d.Accepts = append(d.Accepts, level)
		}
	}
	return d, nil
}

func showDiagnosis(w io.Writer, d diagnosis) {
	var t table
	t.row("LAYER", "STATE", "MEANS")
	for _, l := range d.Layers {
		t.row(l.Name, string(l.State), l.Means)
		if l.Why != "" {
			t.row("", "", "why: "+l.Why)
		}
	}
	t.print(w, true, wantsColour(w))
	fmt.Fprintf(w, "\nlevel %s: sandbox.require may be %s", d.Level, words(d.Accepts))
	if !d.Reached {
		fmt.Fprintf(w, "; %s is not reached", d.Require)
	}
	fmt.Fprintln(w)
}

// words are levels as people list them.
func words(levels []module.Level) string {
	texts := make([]string, len(levels))
	for i, level := range levels {
		texts[i] = string(level)
	}
	last := len(texts) - 1
	if last == 0 {
		return texts[0]
	}
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}
