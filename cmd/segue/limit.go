package main

import "github.com/spf13/cobra"

// maxLimit is the most that a runtime gives at once.
const maxLimit = 10_000

// limitFlag gives a command --limit; checkLimit is for its action.
func limitFlag(cmd *cobra.Command, limit *int, usage string) {
	cmd.Flags().IntVar(limit, "limit", 200, usage)
}

func checkLimit(cmd *cobra.Command, limit int) error {
	if limit < 1 || limit > maxLimit {
		return usagef(cmd, "--limit %d is not from 1 to %d", limit, maxLimit)
	}
	return nil
}
