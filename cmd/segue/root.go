package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// execute runs one command line and gives its exit code.
func execute(args []string, out, errs io.Writer) int {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	cmd, err := root.ExecuteContextC(ctx)
	return report(errs, err, wantsJSON(cmd))
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "segue",
		Short: "Hot-reload modules with progressive rollouts",
		Long: `Segue watches a directory for executables, starts each as a module, moves traffic
over to it step by step, and takes it back when it is worse than what served before.

` + exitCodes,
		Example: `  segue run                              start a runtime here
  cp hello-1.1.0 modules/                drop an executable, or
  segue deploy hello-1.1.0 --wait        hand it over and watch
  segue show hello                       see where it stands`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return noSuchCommand(cmd, args[0])
		},
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Version:                    thisBuild().Version,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		CompletionOptions:          cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetFlagErrorFunc(flagError)
	root.SetVersionTemplate(thisBuild().String() + "\n")
	root.SetHelpCommand(helpCommand())
	addGroups(root)
	return root
}

// addGroups gives the root its commands, in the order in which somebody who is new
// needs them.
func addGroups(root *cobra.Command) {
	for _, group := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Start:", []*cobra.Command{runCommand(), deployCommand(), inspectCommand(), doctorCommand()}},
		{"Look:", []*cobra.Command{lsCommand(), showCommand(), routesCommand(), historyCommand(), eventsCommand(), auditCommand(), infoCommand()}},
		{"Steer a rollout under way:", []*cobra.Command{promoteCommand(), pauseCommand(), resumeCommand(), approveCommand(), abortCommand()}},
		{"Change what serves:", []*cobra.Command{rollbackCommand(), revokeCommand(), rmCommand()}},
		{"Close and open a module:", []*cobra.Command{holdCommand(), maintenanceCommand(), openCommand()}},
	} {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title})
		for _, cmd := range group.commands {
			cmd.GroupID = group.title
		}
		root.AddCommand(group.commands...)
	}
	root.AddCommand(versionCommand())
}

func noSuchCommand(root *cobra.Command, name string) error {
	e := usagef(root, "no such command: %s", name)
	if near := root.SuggestionsFor(name); len(near) > 0 {
		e.hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return e
}

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show what a command does",
		Example: "  segue help deploy",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return noSuchCommand(cmd.Root(), rest[0])
			}
			return about.Help()
		},
	}
}

// untilSignal gives a context that ends with SIGINT or SIGTERM; a second of them
// exits at once. stop gives the signals back.
func untilSignal(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	over, joined := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(joined)
		for _, act := range []func(){cancel, func() { os.Exit(exitFailed) }} {
			select {
			case <-signals:
				act()
			case <-over:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(over)
		<-joined
		cancel()
	}
}
