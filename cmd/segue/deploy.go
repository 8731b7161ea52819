package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/artifact"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

func deployCommand() *cobra.Command {
	var force, wait bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "deploy FILE",
		Short: "Hand an executable to the runtime and roll it out",
		Long: `Hands an executable to the runtime, with FILE.module.yaml beside it where there is
one. Without --wait it returns when the rollout has begun; with --wait it shows the
rollout to its end. What serves already, or is on its way, is not begun again: the
first is done, the second is joined.

A release that has to wait for the end of another rollout (rollout.on_new: queue) is
accepted as well; --wait waits for its turn, too.

The end that --wait waits for is the promotion. A release that got all the traffic at
once (instant, bluegreen, a first one) is watched for --hold after it and may still be
taken back; that is not waited for, but told.

With --wait it exits with 1 where the release was taken back, with 3 where the
runtime went away, with 4 where --timeout ran out, and with 130 where it was
interrupted. In the last three cases the rollout goes on without it.`,
		Example: `  segue deploy hello-1.1.0
  segue deploy hello-1.1.0 --wait --strategy instant
  segue deploy hello-1.1.0 --wait --steps 1%,25%,100% --hold 10s
  segue deploy hello-1.1.0 --strategy bluegreen --max-slow 1%`,
		Args: takes("FILE"),
		RunE: withClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			wish, err := wishedRollout(cmd)
			if err != nil {
				return err
			}
			d := deployment{cmd: cmd, client: c}
			in := api.DeployInput{FileName: filepath.Base(args[0]), Rollout: wish, Force: force}
			if !wait {
				if timeout != 0 {
					return usagef(cmd, "--timeout goes with --wait")
				}
				return d.start(cmd.Context(), args[0], in)
			}
			ctx, cancel := cmd.Context(), context.CancelFunc(func() {})
			if timeout > 0 {
				ctx, cancel = context.WithTimeout(ctx, timeout)
			}
			defer cancel()
			return d.startAndWait(ctx, args[0], in)
		}),
	}
	for _, field := range module.RolloutFields {
		cmd.Flags().String(flagOf(field), "", wishUsage[field])
	}
	cmd.Flags().BoolVar(&force, "force", false, "take it out of quarantine")
	cmd.Flags().BoolVar(&wait, "wait", false, "show the rollout to its end")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "with --wait, stop watching after this long (the rollout goes on)")
	stateFlag(cmd)
	outputFlag(cmd)
	return cmd
}

// wishUsage says what each field of a rollout is.
var wishUsage = map[string]string{
	"strategy":     "gradual, instant or bluegreen",
	"steps":        "the candidate's shares of a gradual rollout, rising to 100%, as 1%,25%,100%",
	"hold":         "the least time at each step, as 10s",
	"limit":        "the most time at a step without proof that it is no worse, as 5m",
	"max_errors":   "the share of its requests that may fail, as 0.5%",
	"max_slow":     "the share of its requests that may be slower than stable's slowest, as 5%",
	"min_requests": "how many it must have answered in a step before it may pass, as 50; no failure in about 75 is what proves that it is no worse",
	"unproven":     "at the limit without proof: proceed, hold or abort",
}

// flagOf is a field's flag.
func flagOf(field string) string { return strings.ReplaceAll(field, "_", "-") }

// wishedRollout is what the flags say of the rollout.
func wishedRollout(cmd *cobra.Command) (wish manifest.Rollout, err error) {
	for _, field := range module.RolloutFields {
		flag := cmd.Flags().Lookup(flagOf(field))
		if !flag.Changed {
			continue
		}
		if err := module.SetRollout(&wish, field, flag.Value.String()); err != nil {
			return wish, wishUsageError(cmd, err)
		}
	}
	if err := module.CheckWish(wish); err != nil {
		return wish, wishUsageError(cmd, err)
	}
	return wish, nil
}

// wishUsageError is an error about a field of a rollout as one about its flag.
func wishUsageError(cmd *cobra.Command, err error) error {
	known, ok := errors.AsType[*module.Error](err)
	if !ok {
		return err
	}
	e := usagef(cmd, "--%s %q %s", flagOf(known.Field), known.Value, known.Msg)
	e.hint = known.Hint
	return e
}

// deployment is one run of the command.
type deployment struct {
	cmd    *cobra.Command
	client *client.Client
}

// start begins the rollout and says how to follow it.
func (d deployment) start(ctx context.Context, path string, in api.DeployInput) error {
	a, err := d.offer(ctx, path, in)
	if err != nil {
		return err
	}
	if a.serves || a.rollout.Over() {
		return d.tellEnd(a)
	}
	if wantsJSON(d.cmd) {
		return printJSON(d.cmd, a.rollout)
	}
	d.tellBegun(a)
	if w := a.rollout.Waiting; w != nil && w.For == module.ForGrant {
		d.say("it waits: %s", printable(w.Message))
	}
	name := printable(a.rollout.Module)
	d.say("follow it with `segue events -f --module %s`, or see `segue show %s`", name, name)
	return nil
}

// answer is what became of an offer.
type answer struct {
	rollout module.RolloutStatus
	// serves is set where the offered release is stable already; of rollout only
	// the release is known then.
	serves bool
	// joined is set where the rollout had begun before.
	joined bool
}

func (d deployment) tellBegun(a answer) {
	if isQueued(&a.rollout) {
		d.say("%s is accepted and %s", release(a.rollout), printable(where(&a.rollout)))
		d.tellDisplaced(a)
		return
	}
	if a.joined {
		d.say("%s is on its way already: %s", release(a.rollout), printable(where(&a.rollout)))
		return
	}
	d.say("%s is accepted: %s", release(a.rollout), printable(way(&a.rollout)))
	d.tellDisplaced(a)
}

// tellDisplaced says whose place the release takes.
func (d deployment) tellDisplaced(a answer) {
	for _, gone := range a.rollout.Displaced {
		if gone.Rollout == "" {
			d.say("it takes the place of %s in the queue", printable(gone.Version))
			continue
		}
		d.say("it takes the place of %s to %s, begun %s", printable(gone.Rollout), printable(gone.Version), ago(gone.Since))
	}
}

// offer sends the file and what stands beside it.
func (d deployment) offer(ctx context.Context, path string, in api.DeployInput) (answer, error) {
	file, err := openExecutable(path)
	if err != nil {
		return answer{}, err
	}
	defer file.Close()
	in.Source = file
	if in.Sidecar, err = readSidecar(path + manifest.SidecarSuffix); err != nil {
		return answer{}, err
	}
	asked := time.Now()
	rollout, err := d.client.Deploy(ctx, in)
	if module.KindOf(err) == module.Conflict {
		if serving, ok := d.serving(ctx, path); ok {
			return answer{rollout: serving, serves: true}, nil
		}
	}
	return answer{
		rollout: rollout,
		serves:  rollout.Over() && succeeded(&rollout),
		joined:  !isQueued(&rollout) && rollout.Started.Before(asked),
	}, err
}

// serving finds the file's bytes among what is stable: an offer of these is refused
// where the last rollout was of something else.
func (d deployment) serving(ctx context.Context, path string) (module.RolloutStatus, bool) {
	found, err := artifact.Inspect(ctx, path)
	if err != nil {
		return module.RolloutStatus{}, false
	}
	all, err := d.client.Modules(ctx)
	if err != nil {
		return module.RolloutStatus{}, false
	}
	for _, m := range all {
		if m.Stable != nil && m.Stable.Digest == found.Digest {
			return module.RolloutStatus{Module: m.Name, To: m.Stable.Version, Digest: found.Digest}, true
		}
	}
	return module.RolloutStatus{}, false
}

func release(r module.RolloutStatus) string { return printable(r.Module + "@" + r.To) }

// openExecutable opens a regular file; it waits for nothing that is none.
func openExecutable(path string) (*os.File, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &module.Error{Kind: module.NotFound, Field: "FILE", Value: path, Msg: "no such file"}
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, &module.Error{Kind: module.Invalid, Field: "FILE", Value: path, Msg: "is no file", Hint: "name an executable"}
	}
	return os.Open(path)
}

// readSidecar is the manifest at path; nil where there is none.
func readSidecar(path string) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, manifest.MaxSize+1))
	if err == nil && strings.TrimSpace(string(text)) == "" {
		err = &module.Error{Kind: module.Invalid, Field: "manifest", Value: path, Msg: "is empty", Hint: "write it, or remove it for the embedded one"}
	}
	return text, err
}
