package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/module"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1   // refused or failed
	exitUsage       = 2   // the command line is wrong
	exitUnreachable = 3   // no runtime answers
	exitPending     = 4   // --timeout ran out before the end
	exitInterrupted = 130 // as a shell has it for SIGINT
)

const exitCodes = `Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 no runtime answers,
4 still on its way when --timeout ran out, 130 interrupted.`

// failure is an error that says by itself how the command exits.
type failure struct {
	code       int
	kind       module.Kind
	text, hint string
}

func (e *failure) Error() string { return e.text }

// interrupted is the kind of a command that a signal ended.
const interrupted module.Kind = "interrupted"

func usagef(cmd *cobra.Command, format string, args ...any) *failure {
	return &failure{exitUsage, module.Invalid, fmt.Sprintf(format, args...), "see `" + cmd.CommandPath() + " --help`"}
}

// flagError is a usage error of flags; of a duration it tells how one is written.
func flagError(cmd *cobra.Command, err error) error {
	e := usagef(cmd, "%v", err)
	if cause := errors.Unwrap(err); cause != nil && strings.HasPrefix(cause.Error(), "time: ") {
		e.hint = "write a number and a unit, such as 30s"
	}
	return e
}

// errTold ends a command that has told by itself what failed.
var errTold = errors.New("told")

// report prints a command's error, if any, for people or as one JSON object, and
// gives the exit code.
func report(w io.Writer, err error, asJSON bool) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errTold):
		return exitFailed
	}
	text, code, p := explain(err)
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(p) // standard error is gone; the code tells the rest
		return code
	}
	fmt.Fprintf(w, "segue: %s\n", printable(text))
	if p.Hint != "" {
		fmt.Fprintf(w, "  %s\n", printable(p.Hint))
	}
	return code
}

// explain gives an error's text for people, its exit code, and what a program reads.
func explain(err error) (text string, code int, p problem) {
	text, code, p = err.Error(), exitFailed, problemOf(err)
	own, isOwn := errors.AsType[*failure](err)
	known, isKnown := errors.AsType[*module.Error](err)
	switch {
	case isOwn:
		return own.text, own.code, problem{Kind: own.kind, Detail: own.text, Hint: own.hint}
	case isKnown:
		bare := *known
		bare.Hint = ""
		around, _ := strings.CutSuffix(text, known.Error())
		text = around + bare.Error()
	case errors.Is(err, context.Canceled):
		text, code = "interrupted", exitInterrupted
		p.Kind, p.Detail = interrupted, text
	}
	switch {
	case errors.Is(err, client.ErrUnreachable):
		code = exitUnreachable
	case errors.Is(err, context.DeadlineExceeded):
		code = exitPending
	}
	return text, code, p
}

// problem is what is wrong, as JSON.
type problem struct {
	Kind   module.Kind `json:"kind"`
	Field  string      `json:"field,omitempty"`
	Value  string      `json:"value,omitempty"`
	Detail string      `json:"detail"`
	Hint   string      `json:"hint,omitempty"`
}

func problemOf(err error) problem {
	p := api.ProblemOf(err)
	return problem{Kind: p.Kind, Field: p.Field, Value: p.Value, Detail: p.Detail, Hint: p.Hint}
}

// takes is the arguments of a command by name: all of them but those in brackets, and
// no more.
func takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names) && names[len(args)][0] != '[':
			return usagef(cmd, "%s is missing", names[len(args)])
		case len(args) > len(names):
			return usagef(cmd, "%q is too much", args[len(names)])
		}
		return nil
	}
}
