package main

import (
	"encoding/json"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// outputFlag gives a command -o.
func outputFlag(cmd *cobra.Command) {
	cmd.Flags().StringP("output", "o", "text", "how to print: text or json")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if form, err := cmd.Flags().GetString("output"); err != nil || form != "text" && form != "json" {
			return usagef(cmd, "--output %q is neither text nor json", form)
		}
		return nil
	}
}

// wantsJSON reports whether -o json was given.
func wantsJSON(cmd *cobra.Command) bool {
	form, err := cmd.Flags().GetString("output")
	return err == nil && form == "json"
}

// printJSON prints v for people who read JSON, and for programs.
func printJSON(cmd *cobra.Command, v any) error {
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// printJSONLine prints v on a line of its own.
func printJSONLine(cmd *cobra.Command, v any) error {
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// wantsColour reports whether w is a terminal whose user did not say NO_COLOR.
func wantsColour(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && terminalWidth(w) > 0
}

// terminalWidth is how many columns the terminal that w is has; 0 where it is none.
func terminalWidth(w io.Writer) int {
	file, ok := w.(*os.File)
	if !ok {
		return 0
	}
	if _, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS); err != nil {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return 80
	}
	return int(size.Col)
}
