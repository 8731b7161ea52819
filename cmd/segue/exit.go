package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/module"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1 // refused or failed
	exitUsage       = 2 // the command line is wrong
	exitUnreachable = 3 // no runtime answers
)

// usageError is a command line that is wrong.
type usageError struct{ text, hint string }

func (e *usageError) Error() string { return e.text }

func usagef(cmd *cobra.Command, format string, args ...any) *usageError {
	return &usageError{fmt.Sprintf(format, args...), "see `" + cmd.CommandPath() + " --help`"}
}

// errTold ends a command that has told by itself what failed.
var errTold = errors.New("told")

// report prints a command's error, if any, and gives the exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	text, hint, code := err.Error(), "", exitFailed
	usage, isUsage := errors.AsType[*usageError](err)
	known, isKnown := errors.AsType[*module.Error](err)
	switch {
	case errors.Is(err, errTold):
		return exitFailed
	case isUsage:
		text, hint, code = usage.text, usage.hint, exitUsage
	case isKnown:
		bare := *known
		bare.Hint = ""
		around, _ := strings.CutSuffix(text, known.Error())
		text, hint = around+bare.Error(), known.Hint
	case errors.Is(err, context.Canceled):
		text = "interrupted"
	}
	if errors.Is(err, client.ErrUnreachable) {
		code = exitUnreachable
	}
	fmt.Fprintf(w, "segue: %s\n", printable(text))
	if hint != "" {
		fmt.Fprintf(w, "  %s\n", printable(hint))
	}
	return code
}

// takes is the arguments of a command by name: all of them, and no more.
func takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usagef(cmd, "%s is missing", names[len(args)])
		case len(args) > len(names):
			return usagef(cmd, "%q is too much", args[len(names)])
		}
		return nil
	}
}
