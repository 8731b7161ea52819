package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/host"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/telemetry"
)

func runCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the runtime here until it is interrupted",
		Long: `Runs the runtime until SIGINT or SIGTERM; then requests in flight end, modules stop,
and it exits with 0. A second signal ends it at once. SIGHUP has it open the access log
anew, and do nothing else.

Each flag is also a variable (--log-level is SEGUE_LOG_LEVEL) and a setting of
segue.yaml; flags go over variables, variables over the file.`,
		Example: `  segue run
  segue run --modules /srv/modules --state /var/lib/segue --listen 0.0.0.0:80`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			from := config.Sources{File: file, Flags: map[string]string{}}
			for _, name := range config.Names() {
				if flag := cmd.Flags().Lookup(name); flag != nil && flag.Changed {
					from.Flags[name] = flag.Value.String()
				}
			}
			cfg, err := config.Load(from)
			if err != nil {
				return flagUsage(cmd, err)
			}
			return serve(cmd.Context(), cfg)
		},
	}
	configFlag(cmd, &file)
	defaults := config.Default()
	for _, flag := range []struct{ name, usage, def string }{
		{"modules", "directory to watch", defaults.ModulesDir},
		{"state", "directory for everything that Segue keeps", defaults.StateDir},
		{"listen", "address for traffic", defaults.Listen},
		{"tls-listen", "address for traffic over TLS, with certificates of the configuration", defaults.Proxy.TLS.Listen},
		{"admin", "address for reads, health and metrics", defaults.Admin},
		{"sandbox-require", "least level of the sandbox: none, confined, isolated or contained", string(defaults.Sandbox.Require)},
		{"log-level", "debug, info, warn or error", defaults.Log.Level},
		{"log-format", "console or json", defaults.Log.Format},
	} {
		cmd.Flags().String(flag.name, flag.def, flag.usage)
	}
	return cmd
}

// configFlag gives a command --config.
func configFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "", "configuration to read (default "+config.DefaultFile+", which may be missing)")
}

// flagUsage makes an error about a flag one of wrong usage.
func flagUsage(cmd *cobra.Command, err error) error {
	known, ok := errors.AsType[*module.Error](err)
	if !ok || known.Kind != module.Invalid || !strings.HasPrefix(known.Field, "--") {
		return err
	}
	e := usagef(cmd, "%s %q %s", known.Field, known.Value, known.Msg)
	e.hint = known.Hint
	return e
}

// serve runs the host until ctx ends.
func serve(ctx context.Context, cfg config.Config) error {
	logger, err := telemetry.NewLogger(telemetry.LogConfig{Level: cfg.Log.Level, Format: cfg.Log.Format})
	if err != nil {
		return err
	}
	// What standard error does not take is lost either way.
	defer func() { _ = logger.Sync() }()
	defer telemetry.RedirectStdLog(logger)()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	return host.Run(ctx, cfg, host.Options{Logger: logger, Version: thisBuild().Version, Reopen: hangups})
}
